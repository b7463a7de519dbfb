// SPDX-License-Identifier: MIT
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Descriptor, DescriptorListener, DescriptorSocket, identifyDescriptor } from '../../../lib/index.js'
import { countOpen, eventually, SocketFolder } from './places.js'

describe('a socket that carries descriptors', () => {
  let folder: SocketFolder
  let listener: DescriptorListener
  let client: DescriptorSocket
  let server: DescriptorSocket
  beforeEach(async () => {
    folder = new SocketFolder()
    listener = await DescriptorListener.listen(folder.socket)
    const accepted = listener.accept()
    client = await DescriptorSocket.connect(folder.socket)
    server = (await accepted) as DescriptorSocket
  })
  afterEach(async () => {
    await client.close()
    await server.close()
    await listener.close()
    folder[Symbol.dispose]()
  })

  it('knows who is at the other end', () => {
    expect(server.peer).toEqual({ pid: process.pid, uid: process.geteuid?.(), gid: process.getegid?.() })
  })

  it('carries open files, which the sender may close at once', async () => {
    const file = join(folder.path, 'file')
    writeFileSync(file, 'the contents')
    const fd = openSync(file, 'r')
    const sent = client.send(Buffer.from('hello'), [fd, fd])
    closeSync(fd)
    await sent
    const message = await server.receive({ timeout: 1000 })
    expect(Buffer.from(message?.bytes ?? []).toString()).toBe('hello')
    const [first, second] = message?.descriptors ?? []
    expect(readFileSync(first?.fd ?? -1, 'utf8')).toBe('the contents')
    expect(await second?.identify()).toEqual({ kind: 'other', name: '' })
    for (const descriptor of message?.descriptors ?? []) await descriptor.close()
    expect(countOpen(file)).toBe(0)
    expect(() => first?.fd).toThrow(expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }))
  })

  it('tells the end from a message', async () => {
    const received = server.receive()
    await client.close()
    expect(await received).toBeUndefined()
    await expect(server.send(Buffer.from('x'))).rejects.toMatchObject({ code: 'ERR_VFIO_PEER_LOST' })
  })

  it('waits as long as it is told, and not past its close', async () => {
    await expect(server.receive({ timeout: 20 })).rejects.toMatchObject({
      code: 'ERR_VFIO_PEER_TIMEOUT',
      cause: { code: 'ETIMEDOUT' },
    })
    // Looked at from the start: it may reject before the close is over.
    const received = expect(server.receive()).rejects.toMatchObject({ name: 'AbortError' })
    await server.close()
    await received
    await expect(server.receive()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    const accepted = listener.accept()
    await listener.close()
    expect(await accepted).toBeUndefined()
  })

  it('refuses what is larger than its limits before it is sent', async () => {
    await expect(client.send(new Uint8Array(32 * 1024 + 1))).rejects.toMatchObject({
      code: 'ERR_VFIO_MALFORMED',
    })
    await expect(client.send(new Uint8Array())).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
    await expect(client.send(Buffer.from('x'), [987])).rejects.toMatchObject({ code: 'EBADF' })
  })

  it('that nobody listens at says so', async () => {
    await listener.close()
    await expect(DescriptorSocket.connect(folder.socket)).rejects.toMatchObject({
      code: 'ERR_VFIO_PEER_LOST',
    })
    await expect(DescriptorSocket.connect('/nonexistent')).rejects.toMatchObject({
      code: 'ERR_VFIO_PEER_LOST',
    })
    await expect(DescriptorSocket.over(0)).rejects.toMatchObject({ code: expect.any(String) })
  })
})

describe('a descriptor', () => {
  it('is told apart without being asked anything', async () => {
    const fd = openSync('/dev/null', 'r')
    try {
      expect(await identifyDescriptor(fd)).toEqual({ kind: 'other', name: '' })
    } finally {
      closeSync(fd)
    }
    await expect(identifyDescriptor(987)).rejects.toMatchObject({ code: 'ERR_VFIO_NOT_A_DEVICE' })
  })

  it('that was duplicated is closed by its owner only', async () => {
    using folder = new SocketFolder()
    const file = join(folder.path, 'file')
    writeFileSync(file, '0123456789')
    const fd = openSync(file, 'r')
    const copy = Descriptor.duplicate(fd)
    closeSync(fd)
    expect(countOpen(file)).toBe(1)
    expect(await copy.position()).toEqual({ bytes: 0, direction: 'save' })
    readFileSync(copy.fd)
    expect(await copy.position()).toEqual({ bytes: 10, direction: 'save' })
    await copy.close()
    await eventually(() => countOpen(file) === 0)
    expect(() => Descriptor.duplicate(987)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  })
})
