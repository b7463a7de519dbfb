// SPDX-License-Identifier: MIT
// serve(): who is told what, and what is left behind. The protocol itself: test/native/vfio_user.
import { chmodSync, existsSync, mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import {
  type ClientEvent,
  type MigratableDevice,
  openDevice,
  serve,
  type VfioUserServer,
} from '../../../lib/index.js'
import { RawVfioUser } from '../../support/raw-vfio-user.js'

let folder: string
let path: string
let device: MigratableDevice
beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-serve-'))
  path = join(folder, 'device.sock')
  device = await openDevice('sim:v2,state=1MiB,seed=7')
})
afterEach(async () => {
  await device.close()
  rmSync(folder, { recursive: true })
})

/** Events as they come, and a wait for the next of a kind. */
function listener() {
  const events: ClientEvent[] = []
  const waiting: (() => void)[] = []
  return {
    events,
    onClient: (event: ClientEvent): void => {
      events.push(event)
      for (const wake of waiting.splice(0)) wake()
    },
    async until(count: number): Promise<void> {
      while (events.length < count) await new Promise<void>((resolve) => waiting.push(resolve))
    },
  }
}

it('serves the device that is open here, which keeps what a client did', async () => {
  const { events, onClient, until } = listener()
  const server = await serve(device, path, { onClient })
  expect(server.path).toBe(path)
  expect(statSync(path).mode & 0o777).toBe(0o600)
  const client = await RawVfioUser.open(path)
  expect(await client.read32(0, 0)).toBe(0x316d6676)
  expect(await client.write32(0, 0x10, 0xfeed)).toBe(0)
  await client.close()
  await until(2)
  expect(events).toMatchObject([
    { kind: 'connected', peer: { pid: process.pid }, twinSocket: false },
    {
      kind: 'disconnected',
      detail: '',
      messages: 2,
      device: { found: 'running', state: 'running', reset: false, trouble: undefined },
    },
  ])
  const again = await RawVfioUser.open(path)
  expect(await again.read32(0, 0x10)).toBe(0xfeed)
  const registers = await device.region(0)
  expect(await registers.readRegister(0x10, 4)).toBe(0xfeed)
  await server.close()
  await expect(again.receive()).rejects.toThrow('closed')
  expect(existsSync(path)).toBe(false)
  expect(await registers.readRegister(0x10, 4)).toBe(0xfeed)
})

it.each([
  ['a load', 4, 'resuming', 'running', true],
  ['a stop-and-copy', 3, 'stop-copy', 'stop', false],
  ['a pre-copy', 6, 'pre-copy', 'running', false],
])(
  'says what became of a device whose client left in the middle of %s',
  async (_, number, found, state, reset) => {
    const { events, onClient, until } = listener()
    await using server = await serve(device, path, { onClient })
    const client = await RawVfioUser.open(server.path)
    expect(await client.setState(number)).toBe(0)
    await client.close()
    await until(2)
    expect(events[1]).toMatchObject({ kind: 'disconnected', device: { found, state, reset } })
    expect(await device.migrationState()).toBe(state === 'stop' ? 1 : 2)
  },
)

it('names the states of v1, too', async () => {
  await using v1 = await openDevice('sim:v1,state=1MiB')
  const { events, onClient, until } = listener()
  await using server = await serve(v1, path, { onClient })
  const client = await RawVfioUser.open(server.path)
  expect(await client.write32(9, 0, 4)).toBe(0)
  await client.close()
  await until(2)
  expect(events[1]).toMatchObject({ device: { found: 'resuming', state: 'running', reset: true } })
})

it('tells of a client that never negotiates, and why', async () => {
  const { events, onClient, until } = listener()
  await using server = await serve(device, path, { onClient })
  const client = await RawVfioUser.connect(server.path)
  expect(await client.ask(4, Buffer.alloc(16))).toMatchObject({ command: 4, errno: 22 })
  await client.close()
  await until(1)
  expect(events).toMatchObject([{ kind: 'failed', detail: 'began with DEVICE_GET_INFO instead of VERSION' }])
})

it('ends with its signal, with its only client, and with the device', async () => {
  const controller = new AbortController()
  const first = await serve(device, path, { signal: controller.signal })
  controller.abort()
  await first.closed
  await expect(serve(device, path, { signal: controller.signal })).rejects.toThrow(/abort/i)

  const second = await serve(device, path, { once: true })
  await (await RawVfioUser.open(path)).close()
  await second.closed
  expect(existsSync(path)).toBe(false)

  const third = await serve(device, path)
  const client = await RawVfioUser.open(path)
  await device.close()
  await third.closed
  await expect(client.receive()).rejects.toThrow('closed')
  await third.close()
})

it('refuses a place where others can come, or that is taken, and says how out of it', async () => {
  await using server = await serve(device, path)
  await expect(serve(device, server.path)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  const file = join(folder, 'file')
  writeFileSync(file, 'precious')
  await expect(serve(device, file)).rejects.toMatchObject({ code: 'EEXIST' })
  await expect(serve(device, join(folder, 'none', 'a.sock'))).rejects.toMatchObject({ code: 'ENOENT' })
  chmodSync(folder, 0o755)
  const other = join(folder, 'other.sock')
  await expect(serve(device, other)).rejects.toMatchObject({
    code: 'EACCES',
    message: expect.stringContaining('chmod 700'),
  })
  const opened: VfioUserServer[] = [await serve(device, other, { anyDirectory: true })]
  opened.push(await serve(device, join(folder, 'shared.sock'), { allowUids: [65534] }))
  expect(statSync(join(folder, 'shared.sock')).mode & 0o777).toBe(0o666)
  for (const one of opened) await one.close()
})

it('checks its limits', async () => {
  await expect(serve(device, path, { maxTransfer: 100 })).rejects.toMatchObject({
    code: 'ERR_VFIO_MALFORMED',
  })
  await expect(serve(device, path, { maxDmaMaps: 1.5 })).rejects.toThrow(RangeError)
  await expect(serve(device, path, { maxMessageDescriptors: 1000 })).rejects.toThrow('253')
  await using server = await serve(device, path, { maxTransfer: 4096 })
  const client = await RawVfioUser.open(server.path)
  const read = (count: number) => {
    const payload = Buffer.alloc(16)
    payload.writeUInt32LE(2, 8)
    payload.writeUInt32LE(count, 12)
    return client.ask(9, payload)
  }
  expect((await read(4096)).payload.length).toBe(16 + 4096)
  expect((await read(4097)).errno).toBe(22)
  await client.close()
})
