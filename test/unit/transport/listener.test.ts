// SPDX-License-Identifier: MIT
import { chmodSync, existsSync, mkdirSync, statSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { VfioError } from '../../../lib/index.js'
import { DescriptorListener } from '../../../lib/index.js'
import { connect, listen } from '../../../lib/transport/index.js'
import { requires } from '../../support/requirement.js'
import { TestFolder, textOf } from './ends.js'

const ipv6 = requires('IPv6', existsSync('/proc/net/if_inet6'), 'no /proc/net/if_inet6')
const code = (name: string) => ({ code: name })

describe('a listener', () => {
  it('knows the port that it was given', async () => {
    await using listener = await listen('tcp:127.0.0.1:0')
    expect(listener.address).toMatch(/^tcp:127\.0\.0\.1:[1-9][0-9]*$/)
  })

  it('takes one client after the other', async () => {
    await using listener = await listen('tcp:127.0.0.1:0')
    for (const text of ['first', 'second']) {
      await using client = await connect(listener.address)
      await using server = await listener.accept()
      await client.send(Buffer.from(text))
      expect(textOf(await server?.receive())).toBe(text)
    }
  })

  it('waits as long as it is told, and loses no client by it', async () => {
    await using listener = await listen('tcp:127.0.0.1:0')
    await expect(listener.accept({ timeout: 20 })).rejects.toMatchObject(code('ERR_VFIO_PEER_TIMEOUT'))
    const controller = new AbortController()
    const accepted = listener.accept({ signal: controller.signal })
    await expect(listener.accept()).rejects.toMatchObject(code('ERR_VFIO_BUSY'))
    controller.abort()
    await expect(accepted).rejects.toMatchObject({ name: 'AbortError' })
    await using client = await connect(listener.address)
    await using server = await listener.accept({ timeout: 1000 })
    expect(server).toBeDefined()
    await client.close()
  })

  it('that is closed takes nobody any more', async () => {
    const listener = await listen('tcp:127.0.0.1:0')
    const accepted = listener.accept()
    await listener.close()
    await listener.close()
    expect(await accepted).toBeUndefined()
    expect(await listener.accept()).toBeUndefined()
    await expect(connect(listener.address)).rejects.toMatchObject(code('ERR_VFIO_PEER_LOST'))
  })

  it('takes an address once', async () => {
    await using listener = await listen('tcp:127.0.0.1:0')
    await expect(listen(listener.address)).rejects.toMatchObject(code('ERR_VFIO_IN_USE'))
    await expect(listen('tcp:192.0.2.1:0')).rejects.toMatchObject(code('ERR_VFIO_ADDRESS'))
  })

  it.each(['tcp:0.0.0.0:0', 'tcp:[::]:0'])('at %s wants to be asked for by name', async (address) => {
    await expect(listen(address)).rejects.toMatchObject({
      ...code('ERR_VFIO_ADDRESS'),
      message: expect.stringContaining('allInterfaces'),
    })
  })

  it('takes clients of all interfaces where it is asked to', async () => {
    await using listener = await listen('tcp:0.0.0.0:0', { allInterfaces: true })
    const accepted = listener.accept()
    await using client = await connect(listener.address.replace('0.0.0.0', '127.0.0.1'))
    await using server = await accepted
    await server?.send(Buffer.from('hello'))
    expect(textOf(await client.receive())).toBe('hello')
  })

  ipv6.it('speaks IPv6', async () => {
    await using listener = await listen('tcp:[::1]:0')
    const accepted = listener.accept()
    await using client = await connect(listener.address)
    await using server = await accepted
    expect(client.peer.address).toMatch(/^tcp:\[::1\]:/)
    expect(server?.peer.address).toMatch(/^tcp:\[::1\]:/)
  })
})

describe('a listener at a UNIX socket', () => {
  it('lies where only its owner can enter, and leaves nothing behind', async () => {
    using folder = new TestFolder()
    const path = folder.at('place/socket')
    const listener = await listen(`unix:${path}`)
    expect(statSync(folder.at('place')).mode & 0o777).toBe(0o700)
    expect(statSync(path).mode & 0o777).toBe(0o600)
    await listener.close()
    expect(existsSync(path)).toBe(false)
  })

  it('is refused where others could enter', async () => {
    using folder = new TestFolder()
    mkdirSync(folder.at('open'))
    chmodSync(folder.at('open'), 0o755)
    await expect(listen(`unix:${folder.at('open/socket')}`)).rejects.toMatchObject(
      code('ERR_VFIO_SOCKET_PLACE'),
    )
  })

  it('takes the place of a dead one, and of no living one, whatever it speaks', async () => {
    using folder = new TestFolder()
    const path = folder.at('socket')
    const dead = await DescriptorListener.listen(path)
    await dead.close()
    const listener = await listen(`unix:${path}`)
    await expect(listen(`unix:${path}`)).rejects.toMatchObject({
      ...code('ERR_VFIO_IN_USE'),
      message: expect.stringContaining(`process ${process.pid}`),
    })
    await listener.close()
    await using other = await DescriptorListener.listen(path)
    await expect(listen(`unix:${path}`)).rejects.toMatchObject(code('ERR_VFIO_IN_USE'))
    await expect(connect(`unix:${path}`)).rejects.toMatchObject(code('ERR_VFIO_PEER_LOST'))
    await other.close()
  })

  it('knows whose process has connected', async () => {
    using folder = new TestFolder()
    const refusals: VfioError[] = []
    await using listener = await listen(`unix:${folder.at('socket')}`, {
      onRefused: (error) => refusals.push(error),
    })
    const accepted = listener.accept()
    await using client = await connect(listener.address)
    await using server = await accepted
    const here = { address: listener.address, pid: process.pid, uid: process.geteuid?.() }
    expect(client.peer).toEqual(here)
    expect(server?.peer).toEqual(here)
    expect(refusals).toEqual([])
  })
})
