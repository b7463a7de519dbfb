// SPDX-License-Identifier: MIT
// Devices of the kernel served over vfio-user, and migrated from and to the kernel through that.
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bindDevice, unbindDevice } from '../../lib/host/index.js'
import { type ClientEvent, type MigratableDevice, migrate, openDevice, serve } from '../../lib/index.js'
import { RawVfioUser } from '../support/raw-vfio-user.js'
import { requires } from '../support/requirement.js'
import { TestDevice } from '../support/test-device.js'
import { createTestDevice, hasTestModule, removeDevice } from './support/mdev.js'
import { functionsLike } from './support/pci-function.js'

const mtty = (process.env.VFIO_TEST_MTTY ?? '').split(',').filter((uuid) => uuid !== '')

let folder: string
const open: AsyncDisposable[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-proxy-'))
})
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

async function opened(spec: string): Promise<MigratableDevice> {
  const device = await openDevice(spec)
  open.push(device)
  return device
}

/** A device of the kernel's behind a server, as its client sees it. */
async function proxied(uuid: string, events: ClientEvent[] = []): Promise<MigratableDevice> {
  const device = await opened(uuid)
  await device.reset()
  const socket = join(folder, `${uuid}.sock`)
  open.push(await serve(device, socket, { passThrough: true, onClient: (event) => events.push(event) }))
  return opened(`vfio-user:${socket}`)
}

requires(
  'two mtty devices',
  mtty.length >= 2,
  'VFIO_TEST_MTTY names fewer; npm run test:kernel makes them',
).describe('mtty, served', () => {
  const [first = '', second = ''] = mtty

  it('is not served unless its DMA is meant to go with it', async () => {
    const device = await opened(first)
    await expect(serve(device, join(folder, 'a.sock'))).rejects.toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringContaining('passThrough'),
    })
  })

  it('is to a client what it is to the kernel, and no descriptor of it is given away', async () => {
    const device = await opened(first)
    const socket = join(folder, 'a.sock')
    open.push(await serve(device, socket, { passThrough: true }))
    const client = await opened(`vfio-user:${socket}`)
    expect(await client.info()).toMatchObject({ regions: 9, irqs: 5 })
    expect(await (await client.region(7)).readRegister(0, 4)).toBe(0x32534348)
    expect(await client.migrationFlags()).toBe(await device.migrationFlags())
    for (let index = 0; index < 9; index++) {
      const [served, own] = [await client.regionInfo(index), await device.regionInfo(index)]
      expect(served).toMatchObject({ size: own.size, mappable: [] })
    }
  })

  it('is migrated from the server to the kernel, and from the kernel to the server', async () => {
    const events: ClientEvent[] = []
    const served = await proxied(first, events)
    const kernel = await opened(second)
    await kernel.reset()
    const out = await migrate(served, kernel)
    expect(out).toMatchObject({
      protocol: 'v2',
      source: { state: 'stop' },
      destination: { state: 'running' },
    })
    expect(out.bytes).toBeGreaterThan(0)
    const back = await migrate(kernel, served)
    expect(back).toMatchObject({ source: { state: 'stop' }, destination: { state: 'running' } })
    expect(back.bytes).toBe(out.bytes)
  })

  it('that a client left in the middle of a load is reset, and serves the next', async () => {
    const device = await opened(first)
    await device.reset()
    const events: ClientEvent[] = []
    const socket = join(folder, 'a.sock')
    open.push(await serve(device, socket, { passThrough: true, onClient: (event) => events.push(event) }))
    const client = await RawVfioUser.open(socket)
    expect(await client.setState(4)).toBe(0)
    // A BAR of a device that does not run: EIO, without asking it.
    await expect(client.read32(0, 0)).rejects.toThrow('errno 5')
    await client.close()
    const next = await RawVfioUser.open(socket)
    expect(await next.state()).toBe(2)
    await next.close()
    expect(events[1]).toMatchObject({ device: { found: 'resuming', state: 'running', reset: true } })
  })
})

requires(
  "the project's module",
  hasTestModule,
  'vfm_test is not loaded; npm run test:kernel loads it',
).describe('vfm_test, served', () => {
  const small = { state_bytes: 1 << 20, chunk_bytes: 128 << 10 }

  describe.each(['v2', 'v1-mapped', 'v1-trapped'])('%s', (type) => {
    let uuids: string[]
    beforeEach(() => {
      uuids = [createTestDevice(type, small), createTestDevice(type, small)]
    })
    afterEach(async () => {
      for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
      for (const uuid of uuids) await removeDevice(uuid)
    })

    it.each(['from', 'to'])('memory and registers arrive, %s the server', async (direction) => {
      const [one = '', other = ''] = uuids
      const served = await proxied(one)
      const kernel = await opened(other)
      const [source, destination] = direction === 'from' ? [served, kernel] : [kernel, served]
      const before = await TestDevice.of(source)
      await before.fill(7)
      await before.setScratch(0xc0ffee)
      await before.step()
      const report = await migrate(source, destination, { preCopy: true })
      expect(report).toMatchObject({ source: { state: 'stop' }, destination: { state: 'running' } })
      const after = await TestDevice.of(destination)
      expect(await after.firstDifference(7)).toBeUndefined()
      expect(await after.scratch()).toBe(0xc0ffee)
      expect(await after.steps()).toBe(1n)
    })
  })
})

const [edu = ''] = functionsLike('0x1234', '0x11e8')
requires(
  'a PCI function that makes DMA under an IOMMU',
  edu !== '',
  'run it in the test machine: npm run test:kernel',
).describe('edu, served', () => {
  beforeEach(async () => {
    await bindDevice(edu)
  })
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
    await unbindDevice(edu, { giveBack: true })
  })

  // Its client is another's: Python, with a memfd and an eventfd of its own.
  it('reaches the memory of each client in turn, and signals its eventfd', async () => {
    const device = await opened(edu)
    const events: ClientEvent[] = []
    const socket = join(folder, 'edu.sock')
    const server = await serve(device, socket, { passThrough: true, onClient: (event) => events.push(event) })
    const script = fileURLToPath(new URL('support/vfio_user_client.py', import.meta.url))
    const { stdout } = await promisify(execFile)('python3', [script, socket])
    const seen = { identity: 0x11e81234, arrived: true, untouched: true, interrupts: 1 }
    expect(JSON.parse(stdout)).toEqual([seen, seen])
    await server.close()
    expect(events.map(({ kind }) => kind)).toEqual(['connected', 'disconnected', 'connected', 'disconnected'])
    expect(events[3]).toMatchObject({ detail: '', device: { found: undefined, trouble: undefined } })
  })
})
