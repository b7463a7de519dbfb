// SPDX-License-Identifier: MIT
// Devices that pass from one process to another, and outlive them, on mtty and the project's module.
import { appendFileSync, mkdtempSync, openSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Container, Group, locateDevice } from '../../lib/device/kernel/index.js'
import {
  type BorrowedDevice,
  Descriptor,
  DescriptorSocket,
  handOver,
  holdDevices,
  identifyDescriptor,
  Keeper,
  type MigratableDevice,
  migrate,
  openDevice,
  receiveDevice,
} from '../../lib/index.js'
import { decodeReply, encodeRequest } from '../../lib/ownership/messages.js'
import { jsonOf, run, start } from '../support/command.js'
import { requires } from '../support/requirement.js'
import { TestDevice } from '../support/test-device.js'
import { type Held, Holder } from './support/holder.js'
import { createTestDevice, hasTestModule, removeDevice } from './support/mdev.js'

const [first = '', second = ''] = (process.env.VFIO_TEST_MTTY ?? '').split(',')
// The scratch register of mtty's first port: whatever is written there stays, and is migrated.
const scratch = { region: 0, offset: 7, width: 1 } as const
const notADevice = { code: 'ERR_VFIO_NOT_A_DEVICE' }

let folder: string
let socket: string
const open: AsyncDisposable[] = []
const keep = <T extends AsyncDisposable>(one: T): T => {
  open.push(one)
  return one
}
const opened = async (...words: Parameters<typeof openDevice>): Promise<MigratableDevice> =>
  keep(await openDevice(...words))
const setScratch = async (device: MigratableDevice, value: number): Promise<void> =>
  (await device.region(0)).writeRegister(scratch.offset, 1, value)
const getScratch = async (device: MigratableDevice): Promise<number> =>
  (await device.region(0)).readRegister(scratch.offset, 1)
const stateOf = async (device: MigratableDevice): Promise<string> => (await device.migration()).state()
const eventually = async (done: () => Promise<boolean>): Promise<void> => {
  for (let tries = 0; !(await done()); tries++) {
    if (tries > 200) throw new Error('it never came to that')
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-own-'))
  socket = join(folder, 'place', 'socket')
})
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true, force: true })
})

requires(
  'two mtty devices',
  second !== '',
  'VFIO_TEST_MTTY names none; npm run test:kernel makes them',
).describe('a device that another process opened', () => {
  const fdsOf = (device: MigratableDevice): number[] => [
    device.descriptor ?? -1,
    ...device.companions.map(({ descriptor }) => descriptor),
  ]

  it('is adopted when it was inherited, by number and by name', async () => {
    const device = await opened(first)
    await setScratch(device, 0x5a)
    await (await device.migration()).transition('stop')
    expect(device.companions.map(({ kind }) => kind)).toEqual(['group', 'container'])
    const names = ['vfio-device', 'vfio-group', 'vfio-container']
    const holder = keep(await Holder.start(fdsOf(device), names))
    for (const spec of ['fd:3', 'listen:vfio-device', 'listen:0']) {
      const held = await holder.do<Held>('open', { name: spec, spec, options: { keepState: true } })
      expect(held).toMatchObject({ state: 'stop' })
      expect(held.fd).toBeGreaterThan(5)
      await holder.do('close', { name: spec })
    }
    const wrong = (spec: string) => holder.do('open', { name: 'wrong', spec })
    await expect(wrong('fd:4')).rejects.toMatchObject(notADevice)
    await expect(wrong('listen:vfio-container')).rejects.toMatchObject(notADevice)
    await expect(wrong('listen:nobody')).rejects.toMatchObject({ code: 'ERR_VFIO_NOT_HANDED_OVER' })
    expect(await stateOf(device)).toBe('stop')
    await device.reset()
  })

  it('is adopted out of the process that has it', async () => {
    const device = await opened(first)
    await setScratch(device, 0x5b)
    const holder = keep(await Holder.start())
    const spec = `pid:${process.pid}/${device.descriptor}`
    await holder.do<Held>('open', { name: 'taken', spec })
    expect(await holder.do('read', { name: 'taken', ...scratch })).toBe(0x5b)
    await expect(
      holder.do('open', { name: 'x', spec: `pid:${process.pid}/${device.companions[0]?.descriptor}` }),
    ).rejects.toMatchObject(notADevice)
    await expect(holder.do('open', { name: 'x', spec: `pid:${process.pid}/987` })).rejects.toMatchObject({
      code: 'ERR_VFIO_NOT_HANDED_OVER',
    })
  })

  it('is received over a socket, with its group, its container and its unread session', async () => {
    const receiving = receiveDevice(socket)
    const holder = keep(await Holder.start())
    await holder.do('open', { name: 'it', spec: first })
    await holder.do('write', { name: 'it', ...scratch, value: 0x5c })
    await holder.do('transition', { name: 'it', state: 'stop-copy' })
    expect(await holder.do('handOver', { name: 'it', path: socket })).toEqual({ closed: true })
    const { device, facts, from } = await receiving
    keep(device)
    await holder.kill()
    expect(facts).toMatchObject({ name: first, protocol: 'v2', state: 'stop-copy' })
    expect(from.uid).toBe(0)
    expect(await stateOf(device)).toBe('stop-copy')
    expect((await device.migration()).session).toBeDefined()
    const container = device.companions.find(({ kind }) => kind === 'container')
    expect(await identifyDescriptor(container?.descriptor ?? -1)).toEqual({ kind: 'container', name: 'vfio' })
    // The group came along, so this process opens another descriptor of the device, and the IOMMU is there to be asked.
    await using again = await openDevice(first, { keepState: true })
    expect(await stateOf(again)).toBe('stop-copy')
    await using adopted = await Container.adopt(container?.descriptor ?? -1)
    expect(adopted.iommu).toBe(3)

    const target = await opened(second)
    await migrate(device, target)
    expect(await getScratch(target)).toBe(0x5c)
  })

  it('without its group is used all the same, but nobody opens it again', async () => {
    const holder = keep(await Holder.start())
    {
      await using device = await openDevice(first)
      await setScratch(device, 0x5d)
      await holder.do('open', { name: 'it', spec: `pid:${process.pid}/${device.descriptor}` })
    }
    expect(await holder.do('read', { name: 'it', ...scratch })).toBe(0x5d)
    await expect(openDevice(first)).rejects.toMatchObject({ code: 'ERR_VFIO_IN_USE' })
    await holder.do('close', { name: 'it' })
    await opened(first)
  })

  it('is told from a group, a container and what is neither, before it is asked anything', async () => {
    const device = await opened(first)
    const { group } = await locateDevice(first, { spec: first })
    const [groupFd = -1, containerFd = -1] = device.companions.map(({ descriptor }) => descriptor)
    const deviceFd = device.descriptor ?? -1
    expect(await identifyDescriptor(groupFd)).toEqual({ kind: 'group', name: `${group.id}` })
    expect(await identifyDescriptor(deviceFd)).toMatchObject({ kind: 'device' })
    for (const fd of [deviceFd, groupFd]) {
      await expect(Container.adopt(fd)).rejects.toMatchObject(notADevice)
    }
    for (const fd of [deviceFd, containerFd]) {
      await expect(Group.adopt(fd)).rejects.toMatchObject(notADevice)
    }
    for (const fd of [deviceFd, groupFd, containerFd]) {
      await expect(device.adoptSession(fd)).rejects.toMatchObject(notADevice)
    }
    await using adopted = await Group.adopt(groupFd)
    expect(adopted.number).toBe(group.id)
    expect(await adopted.status()).toEqual({ viable: true, containerSet: true })
  })

  it('is not mistaken by a keeper either, whatever it is called', async () => {
    const device = await opened(first)
    await using keeper = await holdDevices([], { socket })
    await using client = await DescriptorSocket.connect(socket)
    const [group = -1, container = -1] = device.companions.map(({ descriptor }) => descriptor)
    const give = async (roles: ('device' | 'group')[], fds: number[]): Promise<unknown> => {
      await client.send(encodeRequest({ type: 'give', device: { name: 'x' }, roles }), fds)
      return decodeReply((await client.receive())?.bytes ?? new Uint8Array())
    }
    expect(await give(['device'], [container])).toMatchObject(notADevice)
    expect(await give(['device', 'group'], [device.descriptor ?? -1, container])).toMatchObject(notADevice)
    expect(await give(['device', 'group'], [group, device.descriptor ?? -1])).toMatchObject(notADevice)
    expect(keeper.devices).toEqual([])
  })
})

requires(
  'two mtty devices',
  second !== '',
  'VFIO_TEST_MTTY names none; npm run test:kernel makes them',
).describe('a keeper of mtty devices', () => {
  it('keeps a device in stop-copy when its client is killed, and another client finishes the migration', async () => {
    const command = start(['hold', first, '--socket', socket, '--json'])
    await command.says('\n')
    const spec = `held:${socket}#${first}`
    const holder = keep(await Holder.start())
    expect(await holder.do<Held>('open', { name: 'it', spec })).toMatchObject({ state: 'running' })
    await expect(openDevice(spec)).rejects.toMatchObject({ code: 'ERR_VFIO_IN_USE' })
    await holder.do('write', { name: 'it', ...scratch, value: 0x5e })
    await holder.do('transition', { name: 'it', state: 'stop-copy' })
    await holder.kill()

    await using client = await Keeper.connect(socket)
    await eventually(async () => (await client.devices())[0]?.leases === 0)
    expect(await client.devices()).toMatchObject([{ name: first, state: 'stop-copy', session: true }])
    await using source = await openDevice(spec)
    await using target = await openDevice(second)
    expect(await stateOf(source)).toBe('stop-copy')
    await migrate(source, target)
    expect(await getScratch(target)).toBe(0x5e)
    expect(await stateOf(source)).toBe('stop')
    expect(await client.devices()).toMatchObject([{ state: 'stop', session: false, leases: 1 }])
    await source.close()
    await target.close()

    command.child.kill('SIGTERM')
    const { code, out, stderr } = await command.finished
    expect(code, stderr).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ ok: true, socket, devices: [{ name: first, spec }] })
    expect(stderr).toContain('reset')
    await opened(first) // nobody holds it any more
  })

  it('is handed a migrated device, and its clients find what arrived', async () => {
    await using keeper = await holdDevices([], { socket })
    const source = await opened(first)
    await setScratch(source, 0x5f)
    const finished = await run([
      'migrate',
      `pid:${process.pid}/${source.descriptor}`,
      second,
      '--hand-to',
      socket,
      '--json',
    ])
    expect(finished.code, finished.stderr).toBe(0)
    const heldAs = `held:${socket}#${second}`
    expect(jsonOf(finished)).toMatchObject({ destination: { ending: 'deposited', heldAs, state: 'running' } })
    expect(keeper.devices).toMatchObject([{ name: second, state: 'running', leases: 0 }])
    const target = await opened(heldAs)
    expect(await getScratch(target)).toBe(0x5f)
    await source.reset()
  })

  it('gives a device away for good', async () => {
    const device = await opened(first)
    const keeper = keep(await holdDevices([], { socket }))
    await handOver(device, { to: socket, name: 'mine' })
    expect(device.closed).toBe(true)
    await using client = await Keeper.connect(socket)
    const { bundle } = await client.borrow('mine')
    await client.forget()
    expect(keeper.devices).toEqual([])
    expect([...bundle.keys()]).toEqual(['device', 'group', 'container'])
    for (const descriptor of bundle.values()) await descriptor.close()
    await opened(first)
  })

  it('loses nothing when it ends before its client', async () => {
    const device = await openDevice(first)
    const keeper = await holdDevices([device], { socket })
    await device.close()
    const borrowed = (await opened(`held:${socket}`)) as BorrowedDevice
    await setScratch(borrowed, 0x60)
    await keeper.close()
    await (await borrowed.migration()).transition('stop')
    expect(borrowed.keeperLost).toMatchObject({ code: 'ERR_VFIO_PEER_LOST' })
    await (await borrowed.migration()).transition('running')
    expect(await getScratch(borrowed)).toBe(0x60)
  })
})

requires(
  "the project's module",
  hasTestModule,
  'vfm_test is not loaded; npm run test:kernel loads it',
).describe('a keeper of v2 devices of the module', () => {
  const size = { state_bytes: 1 << 20, chunk_bytes: 128 << 10 }
  const seed = 77
  let uuids: string[]
  let file: string
  let holder: Holder
  let spec: string

  beforeEach(async () => {
    uuids = [createTestDevice('v2', size), createTestDevice('v2', size)]
    file = join(folder, 'state')
    const device = await openDevice(uuids[0] ?? '')
    await (await TestDevice.of(device)).fill(seed)
    keep(await holdDevices([device], { socket }))
    await device.close()
    spec = `held:${socket}`
    holder = keep(await Holder.start())
    await holder.do('open', { name: 'it', spec })
    await holder.do('write', { name: 'it', region: 0, offset: 0x10, width: 4, value: 0xabcd })
  })
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
    for (const uuid of uuids) await removeDevice(uuid)
  })

  const released = async (): Promise<void> => {
    await using client = await Keeper.connect(socket)
    await eventually(async () => (await client.devices())[0]?.leases === 0)
  }
  const checkArrived = async (target: MigratableDevice): Promise<void> => {
    const device = await TestDevice.of(target)
    expect(await device.firstDifference(seed)).toBeUndefined()
    expect(await device.scratch()).toBe(0xabcd)
  }

  it('lets another client begin a save anew that a killed one had read in part', async () => {
    await holder.do('transition', { name: 'it', state: 'stop-copy' })
    expect(await holder.do('send', { name: 'it', bytes: 300_000, file })).toBe(300_000)
    await holder.kill()
    await released()
    const source = await opened(spec)
    const target = await opened(uuids[1] ?? '')
    const { bytes } = await migrate(source, target)
    expect(bytes).toBeGreaterThan(1 << 20)
    await checkArrived(target)
  })

  it('lets another client go on where a killed one stopped', async () => {
    await holder.do('transition', { name: 'it', state: 'stop-copy' })
    await holder.do('send', { name: 'it', bytes: 300_000, file })
    await holder.kill()
    await released()
    // What the killed client is believed to have sent must be what its driver gave it.
    await expect(openDevice(spec, { continueAt: 299_999 })).rejects.toMatchObject({
      code: 'ERR_VFIO_SESSION_ENDED',
      message: expect.stringContaining('300000'),
    })
    await released()
    const source = await opened(spec, { continueAt: statSync(file).size })
    const saving = await (await source.migration()).save()
    for await (const { data } of saving) appendFileSync(file, data)
    await saving.complete()

    const target = await opened(uuids[1] ?? '')
    const loading = await (await target.migration()).load()
    await loading.loadFrom(openSync(file, 'r'))
    await loading.complete()
    await checkArrived(target)
    // The session is over, and so is what could be continued.
    await source.close()
    await released()
    await expect(openDevice(spec, { continueAt: 0 })).rejects.toMatchObject({
      code: 'ERR_VFIO_SESSION_ENDED',
    })
  })

  it('lets another client go on from pre-copy', async () => {
    await holder.do('transition', { name: 'it', state: 'pre-copy' })
    await holder.kill()
    await released()
    const source = await opened(spec, { continueAt: 0 })
    expect(await stateOf(source)).toBe('pre-copy')
    const target = await opened(uuids[1] ?? '')
    await migrate(source, target, { preCopy: true })
    await checkArrived(target)
  })

  it('keeps nothing of a client that only looked, and shares with those that share', async () => {
    await holder.do('close', { name: 'it' })
    await released()
    const one = await opened(spec, { shared: true })
    const other = await opened(spec, { shared: true })
    await (await one.migration()).transition('stop')
    expect(await stateOf(other)).toBe('stop')
    await expect(openDevice(spec)).rejects.toMatchObject({ code: 'ERR_VFIO_IN_USE' })
    await one.reset()
    await using copy = Descriptor.duplicate(other.descriptor ?? -1)
    expect(await copy.identify()).toMatchObject({ kind: 'device' })
  })
})

describe('the command', () => {
  it('holds no simulated device, and says why', async () => {
    const finished = await run(['hold', 'sim:v2', '--socket', socket, '--json'])
    expect(finished.code).toBe(1)
    expect(jsonOf(finished)).toMatchObject({ error: { code: 'ERR_VFIO_UNSUPPORTED' } })
  })
})
