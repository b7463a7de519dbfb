// SPDX-License-Identifier: MIT
// The keeper's protocol, with plain files in the place of devices: it asks devices nothing. test/kernel/ownership.test.ts has real ones.
import { type ChildProcess, spawn } from 'node:child_process'
import { closeSync, existsSync, openSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  Descriptor,
  DescriptorSocket,
  handOver,
  Keeper,
  KeeperServer,
  openDevice,
  receiveDevice,
} from '../../../lib/index.js'
import { decodeReply, encodeRequest, type Reply } from '../../../lib/ownership/messages.js'
import { countOpen, eventually, SocketFolder } from './places.js'

type Asked = Parameters<typeof encodeRequest>[0]

describe('a keeper', () => {
  let folder: SocketFolder
  let socket: string
  let file: string
  let keeper: KeeperServer
  const clients: DescriptorSocket[] = []

  beforeEach(async () => {
    folder = new SocketFolder()
    socket = join(folder.path, 'place', 'socket')
    file = join(folder.path, 'device')
    writeFileSync(file, 'the device')
    keeper = await KeeperServer.listen({ socket, maxClients: 6, idleTimeout: 2000 })
  })
  afterEach(async () => {
    for (const client of clients.splice(0)) await client.close()
    await keeper.close()
    folder[Symbol.dispose]()
  })

  const add = (name: string): void => {
    const fd = openSync(file, 'r')
    keeper.add({ name, state: 'running' }, new Map([['device', Descriptor.duplicate(fd)]]))
    closeSync(fd)
  }
  const connect = async (): Promise<DescriptorSocket> => {
    const client = await DescriptorSocket.connect(socket)
    clients.push(client)
    return client
  }
  const hear = async (client: DescriptorSocket): Promise<Reply & { descriptors: readonly Descriptor[] }> => {
    const message = await client.receive({ timeout: 5000 })
    if (message === undefined) throw new Error('closed')
    return { ...decodeReply(message.bytes), descriptors: message.descriptors }
  }
  const ask = async (client: DescriptorSocket, request: Asked, fds: number[] = []) => {
    await client.send(encodeRequest(request), fds)
    return hear(client)
  }

  it('says what it holds', async () => {
    add('one')
    add('two')
    await using client = await Keeper.connect(socket)
    expect(await client.devices()).toEqual([
      { name: 'one', state: 'running', leases: 0, session: false },
      { name: 'two', state: 'running', leases: 0, session: false },
    ])
    expect(() => add('two')).toThrow(expect.objectContaining({ code: 'ERR_VFIO_IN_USE' }))
  })

  it('lends a duplicate, to one client at a time', async () => {
    add('one')
    const first = await connect()
    const lent = await ask(first, { type: 'borrow' })
    expect(lent).toMatchObject({ type: 'device', device: { name: 'one' }, roles: ['device'] })
    expect(lent.descriptors).toHaveLength(1)
    expect(countOpen(file)).toBe(2)
    const second = await connect()
    expect(await ask(second, { type: 'borrow', name: 'one' })).toMatchObject({
      type: 'refused',
      code: 'ERR_VFIO_IN_USE',
      message: expect.stringContaining(`${process.pid}`),
    })
    expect(await ask(first, { type: 'borrow' })).toMatchObject({ type: 'refused', code: 'ERR_VFIO_BUSY' })
    await first.close()
    await eventually(() => keeper.devices[0]?.leases === 0)
    const again = await ask(second, { type: 'borrow', name: 'one' })
    expect(again).toMatchObject({ type: 'device' })
    for (const { descriptors } of [lent, again])
      for (const descriptor of descriptors) await descriptor.close()
  })

  it('lends to several only when all of them say that they share', async () => {
    add('one')
    const first = await connect()
    expect(await ask(first, { type: 'borrow', shared: true })).toMatchObject({ type: 'device' })
    expect(await ask(await connect(), { type: 'borrow', shared: true })).toMatchObject({ type: 'device' })
    expect(await ask(await connect(), { type: 'borrow' })).toMatchObject({ code: 'ERR_VFIO_IN_USE' })
    expect(await ask(first, { type: 'forget' })).toMatchObject({ code: 'ERR_VFIO_IN_USE' })
  })

  it('wants a name when it holds several, and knows its own', async () => {
    const client = await connect()
    expect(await ask(client, { type: 'borrow' })).toMatchObject({ code: 'ERR_VFIO_NO_SUCH_DEVICE' })
    add('one')
    add('two')
    expect(await ask(client, { type: 'borrow' })).toMatchObject({
      message: expect.stringContaining('one, two'),
    })
    expect(await ask(client, { type: 'borrow', name: 'three' })).toMatchObject({
      code: 'ERR_VFIO_NO_SUCH_DEVICE',
    })
  })

  it('lets go of a device that its borrower takes for good', async () => {
    add('one')
    const client = await connect()
    expect(await ask(client, { type: 'forget' })).toMatchObject({ code: 'ERR_VFIO_NOT_HANDED_OVER' })
    const { descriptors } = await ask(client, { type: 'borrow' })
    expect(await ask(client, { type: 'forget' })).toMatchObject({ type: 'done' })
    expect(keeper.devices).toEqual([])
    expect(countOpen(file)).toBe(1)
    for (const descriptor of descriptors) await descriptor.close()
  })

  it('notes the state that the borrower reports, and nobody else', async () => {
    add('one')
    const client = await connect()
    const report: Asked = { type: 'report', state: 'stop-copy', roles: [] }
    expect(await ask(client, report)).toMatchObject({ code: 'ERR_VFIO_NOT_HANDED_OVER' })
    await ask(client, { type: 'borrow' })
    expect(await ask(client, report)).toMatchObject({ type: 'done' })
    expect(keeper.devices[0]).toMatchObject({ state: 'stop-copy', leases: 1 })
  })

  it('takes nothing that is not what it is said to be', async () => {
    const fd = openSync(file, 'r')
    try {
      const client = await connect()
      const give: Asked = { type: 'give', device: { name: 'fake' }, roles: ['device'] }
      expect(await ask(client, give, [fd])).toMatchObject({ code: 'ERR_VFIO_NOT_A_DEVICE' })
      expect(await ask(client, give, [])).toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
      expect(await ask(client, give, [fd, fd])).toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
      expect(await ask(client, { type: 'list' }, [fd])).toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
      expect(keeper.devices).toEqual([])
      expect(countOpen(file)).toBe(1)
    } finally {
      closeSync(fd)
    }
  })

  it('cuts off a client that makes no sense, with a reason, and ends its lease', async () => {
    add('one')
    const client = await connect()
    const { descriptors } = await ask(client, { type: 'borrow' })
    await client.send(Buffer.from('GET / HTTP/1.1'))
    expect(await hear(client)).toMatchObject({ type: 'refused', code: 'ERR_VFIO_MALFORMED' })
    expect(await client.receive({ timeout: 5000 })).toBeUndefined()
    await eventually(() => keeper.devices[0]?.leases === 0)
    for (const descriptor of descriptors) await descriptor.close()
  })

  it('cuts off a client that says nothing, but not one with a lease', async () => {
    add('one')
    const holder = await connect()
    await ask(holder, { type: 'borrow' })
    const silent = await connect()
    expect(await silent.receive({ timeout: 5000 })).toBeUndefined()
    expect(await ask(holder, { type: 'list' })).toMatchObject({ type: 'devices' })
  })

  it('cuts off a client that asks and never reads', async () => {
    add('one')
    const deaf = await connect()
    await ask(deaf, { type: 'borrow' })
    await expect(
      (async () => {
        for (;;) await deaf.send(encodeRequest({ type: 'list' }), [], { timeout: 8000 })
      })(),
    ).rejects.toMatchObject({ code: expect.stringMatching(/^ERR_VFIO_PEER_/) })
    await eventually(() => keeper.devices[0]?.leases === 0)
  })

  it('turns away more clients than it serves, with a reason', async () => {
    for (let count = 0; count < 6; count++) expect(await ask(await connect(), { type: 'list' })).toBeDefined()
    expect(await hear(await connect())).toMatchObject({ type: 'refused', code: 'ERR_VFIO_BUSY' })
    await clients.shift()?.close()
    await eventually(async () => {
      const client = await connect()
      return (await ask(client, { type: 'list' }).catch(() => ({ type: 'refused' }))).type === 'devices'
    })
  })

  it('survives whatever is said to it, and keeps nothing of it', async () => {
    add('one')
    const fd = openSync('/dev/null', 'r')
    const before = countOpen('')
    const good = Buffer.from(
      encodeRequest({ type: 'give', device: { name: 'x' }, roles: ['device', 'group'] }),
    )
    await fc.assert(
      fc.asyncProperty(
        fc.oneof(
          fc.uint8Array({ minLength: 1, maxLength: 512 }),
          fc.tuple(fc.nat(good.length - 1), fc.integer({ min: 0, max: 255 })).map(([at, byte]) => {
            const message = Buffer.from(good)
            message[at] = byte
            return message
          }),
        ),
        fc.integer({ min: 0, max: 8 }),
        async (message, descriptors) => {
          await using client = await DescriptorSocket.connect(socket)
          await client.send(message, Array(descriptors).fill(fd))
          const reply = await hear(client)
          expect(reply.type).toBe('refused')
        },
      ),
      { numRuns: 150 },
    )
    await using client = await Keeper.connect(socket)
    expect(await client.devices()).toHaveLength(1)
    await client.close()
    await eventually(() => countOpen('') <= before)
    closeSync(fd)
  })

  it('ends a lease when the client is killed, wherever it was', async () => {
    add('one')
    const program = fileURLToPath(new URL('./programs/borrower.mjs', import.meta.url))
    for (let round = 0; round < 3; round++) {
      const child: ChildProcess = spawn(process.execPath, [program, socket], {
        stdio: ['ignore', 'pipe', 'inherit'],
      })
      await new Promise((resolve) => child.stdout?.once('data', resolve))
      expect(keeper.devices[0]).toMatchObject({ leases: 1, state: `round ${child.pid}` })
      child.kill('SIGKILL')
      await eventually(() => keeper.devices[0]?.leases === 0)
    }
    expect(countOpen(file)).toBe(1)
  })

  it('closes what it holds, cuts its clients off and removes its socket', async () => {
    add('one')
    const client = await connect()
    await ask(client, { type: 'list' })
    await keeper.close()
    expect(existsSync(socket)).toBe(false)
    expect(countOpen(file)).toBe(0)
    expect(await client.receive({ timeout: 5000 })).toBeUndefined()
    await keeper.close()
  })
})

describe('a device that lives in this process', () => {
  it('can be handed to nobody, and the error says what to do', async () => {
    using folder = new SocketFolder()
    const socket = join(folder.path, 'place', 'socket')
    await using keeper = await KeeperServer.listen({ socket })
    await using device = await openDevice('sim:v2')
    await expect(handOver(device, { to: socket })).rejects.toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringContaining('vfio-user'),
    })
    expect(device.closed).toBe(false)
    expect(keeper.devices).toEqual([])
    await expect(device.adoptSession(0)).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
  })
})

describe('waiting for a device', () => {
  it('stops when it is told to, and takes nothing that is none', async () => {
    using folder = new SocketFolder()
    const socket = join(folder.path, 'place', 'socket')
    const controller = new AbortController()
    const received = receiveDevice(socket, { signal: controller.signal })
    await eventually(() => existsSync(socket))
    await using keeper = await Keeper.connect(socket)
    await expect(keeper.devices()).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
    const stranger = await DescriptorSocket.connect(socket)
    const fd = openSync('/dev/null', 'r')
    await stranger.send(encodeRequest({ type: 'give', device: { name: 'x' }, roles: ['device'] }), [fd])
    const message = await stranger.receive({ timeout: 5000 })
    expect(decodeReply(message?.bytes ?? new Uint8Array())).toMatchObject({ code: 'ERR_VFIO_NOT_A_DEVICE' })
    await stranger.close()
    closeSync(fd)
    controller.abort()
    await expect(received).rejects.toMatchObject({ code: 'ABORT_ERR' })
    expect(existsSync(socket)).toBe(false)
  })
})

describe('a keeper that is not there', () => {
  it('is an error of its own', async () => {
    await expect(openDevice('held:/nonexistent/socket')).rejects.toMatchObject({ code: 'ERR_VFIO_PEER_LOST' })
  })
})
