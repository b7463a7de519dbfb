// SPDX-License-Identifier: MIT
import { createConnection, createServer, type Socket } from 'node:net'
import { describe, expect, it } from 'vitest'
import { type Connection, connect, listen, maxMessageBytes } from '../../../lib/transport/index.js'
import { Ends, kinds, TestFolder, textOf } from './ends.js'

const code = (name: string) => ({ code: name })

describe.each(kinds)('a connection over %s', (kind) => {
  it('carries messages both ways, whole and in order', async () => {
    await using ends = await Ends.over(kind)
    const messages = Array.from({ length: 50 }, (_, index) => Buffer.alloc(1 + index * 701, index))
    const sent = Promise.all(messages.map((message) => ends.client.send(message)))
    for (const message of messages) {
      expect(Buffer.from((await ends.server.receive()) ?? []).equals(message)).toBe(true)
    }
    await sent
    const large = Buffer.alloc(maxMessageBytes, 'x')
    const [, received] = await Promise.all([ends.server.send(large), ends.client.receive()])
    expect(received?.byteLength).toBe(maxMessageBytes)
  })

  it('is free to change a message once it is being sent', async () => {
    await using ends = await Ends.over(kind)
    const message = Buffer.from('before')
    const sent = ends.client.send(message)
    message.fill('x')
    await sent
    expect(textOf(await ends.server.receive())).toBe('before')
  })

  it('tells the end from a message, and a message from what was sent before the end', async () => {
    await using ends = await Ends.over(kind)
    await ends.client.send(Buffer.from('last'))
    await ends.client.close()
    await ends.client.close()
    expect(textOf(await ends.server.receive())).toBe('last')
    expect(await ends.server.receive()).toBeUndefined()
    await expect(ends.client.send(Buffer.from('x'))).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
    await expect(ends.client.receive()).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
  })

  it('to a peer that is gone says so', async () => {
    await using ends = await Ends.over(kind)
    ends.server.destroy()
    await expect(
      (async () => {
        for (;;) await ends.client.send(Buffer.alloc(1000))
      })(),
    ).rejects.toMatchObject(code('ERR_VFIO_PEER_LOST'))
  })

  it('waits for a message as long as it is told, and loses none by it', async () => {
    await using ends = await Ends.over(kind)
    await expect(ends.server.receive({ timeout: 20 })).rejects.toMatchObject(code('ERR_VFIO_PEER_TIMEOUT'))
    const controller = new AbortController()
    const received = ends.server.receive({ signal: controller.signal })
    await expect(ends.server.receive()).rejects.toMatchObject(code('ERR_VFIO_BUSY'))
    controller.abort(new Error('enough'))
    await expect(received).rejects.toMatchObject({ name: 'AbortError', cause: { message: 'enough' } })
    await ends.client.send(Buffer.from('later'))
    expect(textOf(await ends.server.receive({ timeout: 1000 }))).toBe('later')
    await expect(ends.server.receive({ signal: AbortSignal.abort() })).rejects.toMatchObject({
      name: 'AbortError',
    })
  })

  it('ends a wait for a message when it is closed or destroyed', async () => {
    for (const how of ['close', 'destroy'] as const) {
      await using ends = await Ends.over(kind)
      const received = expect(ends.server.receive()).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
      await ends.server[how]()
      await received
    }
  })

  it('gives up on a peer that does not read', async () => {
    await using ends = await Ends.over(kind, { connect: { messageTimeout: 100 } })
    await expect(
      (async () => {
        for (;;) await ends.client.send(Buffer.alloc(maxMessageBytes))
      })(),
    ).rejects.toMatchObject(code('ERR_VFIO_PEER_TIMEOUT'))
    await expect(ends.client.send(Buffer.from('x'))).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
  })

  it('sends nothing that is larger than a message may be', async () => {
    await using ends = await Ends.over(kind)
    const tooLarge = new Uint8Array(maxMessageBytes + 1)
    await expect(ends.client.send(tooLarge)).rejects.toMatchObject(code('ERR_VFIO_MALFORMED'))
    await expect(ends.client.send(new Uint8Array())).rejects.toMatchObject(code('ERR_VFIO_MALFORMED'))
  })
})

/** A listener of the library and a raw client that may send anything. */
async function withRawClient(use: (server: Connection, raw: Socket) => Promise<void>): Promise<void> {
  using folder = new TestFolder()
  await using listener = await listen(`unix:${folder.at('socket')}`, { messageTimeout: 200 })
  const raw = createConnection(folder.at('socket'))
  raw.on('error', () => undefined)
  try {
    await using server = await listener.accept()
    await use(server as Connection, raw)
  } finally {
    raw.destroy()
  }
}

describe('a peer that breaks the rules', () => {
  it.each([
    ['of no bytes', [0, 0, 0, 0]],
    ['of 4 GiB', [255, 255, 255, 255]],
  ])('by announcing a message %s is cut off', async (_, header) => {
    await withRawClient(async (server, raw) => {
      raw.write(Uint8Array.from(header))
      await expect(server.receive()).rejects.toMatchObject(code('ERR_VFIO_MALFORMED'))
      await expect(server.send(Buffer.from('x'))).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
    })
  })

  it.each([1, 3, 4, 6])('by going away after %d bytes of a message is lost', async (bytes) => {
    await withRawClient(async (server, raw) => {
      raw.end(Uint8Array.of(0, 0, 0, 5, 1, 2).subarray(0, bytes))
      await expect(server.receive()).rejects.toMatchObject(code('ERR_VFIO_PEER_LOST'))
    })
  })

  it('by sending a byte at a time is understood', async () => {
    await withRawClient(async (server, raw) => {
      raw.setNoDelay(true)
      const received = server.receive()
      for (const byte of [0, 0, 0, 2, 111, 107]) {
        raw.write(Uint8Array.of(byte))
        await new Promise((resolve) => setTimeout(resolve, 5))
      }
      expect(textOf(await received)).toBe('ok')
    })
  })

  it('by stopping in the middle of a message is given up', async () => {
    await withRawClient(async (server, raw) => {
      raw.write(Uint8Array.of(0, 0, 0, 9, 1))
      await expect(server.receive()).rejects.toMatchObject(code('ERR_VFIO_PEER_TIMEOUT'))
      await expect(server.receive()).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
    })
  })

  it('keeps the beginning of a message over a time-out of the receiver', async () => {
    await withRawClient(async (server, raw) => {
      raw.write(Uint8Array.of(0, 0, 0, 2, 111))
      await expect(server.receive({ timeout: 50 })).rejects.toMatchObject(code('ERR_VFIO_PEER_TIMEOUT'))
      raw.write(Uint8Array.of(107))
      expect(textOf(await server.receive())).toBe('ok')
    })
  })
})

describe('connecting', () => {
  it('to where nobody listens', async () => {
    using folder = new TestFolder()
    await expect(connect(`unix:${folder.at('none')}`)).rejects.toMatchObject(code('ERR_VFIO_PEER_LOST'))
    const server = createServer().listen(0, '127.0.0.1')
    await new Promise((resolve) => server.once('listening', resolve))
    const { port } = server.address() as { port: number }
    await new Promise((resolve) => server.close(resolve))
    await expect(connect(`tcp:127.0.0.1:${port}`)).rejects.toMatchObject({
      ...code('ERR_VFIO_PEER_LOST'),
      cause: { code: 'ECONNREFUSED' },
    })
    await expect(connect('tcp:127.0.0.1:0')).rejects.toMatchObject(code('ERR_VFIO_ADDRESS'))
    await expect(connect('tcp:no-such-host.invalid:7000')).rejects.toMatchObject(code('ERR_VFIO_ADDRESS'))
  })

  it('by a name looks the name up, and tries each of its addresses', async () => {
    await using listener = await listen('tcp:127.0.0.1:0')
    const accepted = listener.accept()
    await using client = await connect(listener.address.replace('127.0.0.1', 'localhost'))
    await using server = await accepted
    expect(client.peer.address).toMatch(/^tcp:localhost:/)
    expect(server?.peer.address).toMatch(/^tcp:127\.0\.0\.1:[0-9]+$/)
  })

  it('ends with its signal and with its time', async () => {
    // A backlog that is full: of a UNIX socket, connect(2) says so at once, and the attempt is repeated.
    using folder = new TestFolder()
    await using listener = await listen(`unix:${folder.at('socket')}`)
    const queued: Connection[] = []
    await expect(
      (async () => {
        for (;;) queued.push(await connect(listener.address, { timeout: 100 }))
      })(),
    ).rejects.toMatchObject(code('ERR_VFIO_PEER_TIMEOUT'))
    expect(queued.length).toBeGreaterThan(0)
    const controller = new AbortController()
    const waiting = connect(listener.address, { signal: controller.signal })
    setTimeout(() => controller.abort(), 30)
    await expect(waiting).rejects.toMatchObject({ name: 'AbortError' })
    for (const connection of queued) await connection.close()
  })
})
