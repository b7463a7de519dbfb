// SPDX-License-Identifier: MIT
// Interrupts of real PCI functions through vfio-pci: QEMU's edu (INTx, one MSI vector, on command) and its NVMe controller (MSI-X, PCI
// Express).
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { afterAll, afterEach, beforeAll, beforeEach, expect, it } from 'vitest'
import {
  captureWiring,
  EventFd,
  type Interrupts,
  type MigratableDevice,
  openDevice,
  type Region,
  restoreWiring,
  type Wiring,
} from '../../lib/index.js'
import { PciConfig } from '../../lib/pci/pci-config.js'
import { requires } from '../support/requirement.js'
import { bindToVfio, functionsLike, unbind } from './support/pci-function.js'

const RAISE = 0x60
const ACKNOWLEDGE = 0x64
const STATUS = 0x24

const open: AsyncDisposable[] = []
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})
function keep<T extends AsyncDisposable>(one: T): T {
  open.push(one)
  return one
}

const [edu = ''] = functionsLike('0x1234', '0x11e8')
requires(
  'a QEMU edu device',
  edu !== '',
  'no PCI function 1234:11e8; npm run test:kernel brings a machine that has two',
).describe('edu, behind vfio-pci', () => {
  let restore = (): void => {}
  let device: MigratableDevice
  let bar: Region
  beforeAll(() => {
    restore = bindToVfio(edu)
  })
  afterAll(() => restore())
  beforeEach(async () => {
    device = keep(await openDevice(edu))
    bar = await device.region(0)
    await (await PciConfig.of(device)).setCommand({ memory: true, busMaster: true })
    await bar.writeRegister(ACKNOWLEDGE, 4, 0xffff_ffff)
  })
  const raise = (value = 1): Promise<void> => bar.writeRegister(RAISE, 4, value)
  const acknowledge = (value = 1): Promise<void> => bar.writeRegister(ACKNOWLEDGE, 4, value)

  it('says what it has', async () => {
    expect(await device.interrupts('intx')).toMatchObject({
      count: 1,
      flags: { eventFd: true, maskable: true, autoMasked: true, noResize: false },
    })
    expect(await device.interrupts('msi')).toMatchObject({
      count: 1,
      flags: { maskable: false, noResize: true },
    })
    expect(await device.interrupts('request')).toMatchObject({ index: 4, count: 1, enabled: true })
    for (const none of ['msi-x', 'error'] as const) {
      await expect(device.interrupts(none)).rejects.toMatchObject({ code: 'ERR_VFIO_NO_SUCH_INTERRUPT' })
    }
  })

  it('interrupts by MSI', async () => {
    const msi = await device.interrupts('msi')
    await msi.enable()
    for (let round = 1; round <= 20; round++) {
      await raise(round)
      expect(await msi.vector(0).wait()).toBe(1)
      expect(await bar.readRegister(STATUS, 4)).toBe(round)
      await acknowledge(round)
    }
  })

  it('interrupts by MSI as bus master only', async () => {
    const msi = await device.interrupts('msi')
    await msi.enable()
    const config = await PciConfig.of(device)
    await config.setCommand({ busMaster: false })
    await raise()
    await wait(100)
    expect(msi.vector(0).take()).toBe(0)
    await acknowledge()
    await config.setCommand({ busMaster: true })
    await raise()
    expect(await msi.vector(0).wait()).toBe(1)
  })

  it('loses none of a thousand', async () => {
    const msi = await device.interrupts('msi')
    await msi.enable()
    let total = 0
    const counting = (async () => {
      for await (const count of msi.vector(0)) {
        total += count
        if (total >= 1000) break
      }
    })()
    for (let i = 0; i < 1000; i++) await msi.trigger()
    await counting
    expect(total).toBe(1000)
    expect(msi.vector(0).take()).toBe(0)
  })

  it('interrupts by INTx, masks it by itself, and again when it is unmasked with the line up', async () => {
    const intx = await device.interrupts('intx')
    await intx.enable()
    const line = intx.vector(0)
    await raise()
    expect(await line.wait()).toBe(1)
    await raise(2)
    await wait(50)
    expect(line.take()).toBe(0)
    await intx.unmask()
    expect(await line.wait()).toBe(1)
    await acknowledge(3)
    await intx.unmask()
    await wait(50)
    expect(line.take()).toBe(0)
    await raise()
    expect(await line.wait()).toBe(1)
    await acknowledge()
  })

  it('holds INTx back while it is masked', async () => {
    const intx = await device.interrupts('intx')
    await intx.enable()
    await intx.mask()
    await raise()
    await wait(50)
    expect(intx.vector(0).take()).toBe(0)
    await intx.unmask()
    expect(await intx.vector(0).wait()).toBe(1)
    await acknowledge()
  })

  it('unmasks INTx whenever an eventfd says so', async () => {
    const intx = await device.interrupts('intx')
    await intx.enable()
    const resample = keep(EventFd.open())
    await intx.unmaskOn(resample)
    for (let round = 0; round < 5; round++) {
      await raise()
      expect(await intx.vector(0).wait()).toBe(1)
      resample.signal()
      expect(await intx.vector(0).wait()).toBe(1)
      await acknowledge()
      resample.signal()
      await wait(50)
      expect(intx.vector(0).take()).toBe(0)
    }
    const other = keep(EventFd.open())
    await intx.unmaskOn(other)
    await raise()
    expect(await intx.vector(0).wait()).toBe(1)
    other.signal()
    expect(await intx.vector(0).wait()).toBe(1)
    await acknowledge()
  })

  it('uses one kind at a time, as the kernel says too', async () => {
    const intx = await device.interrupts('intx')
    const msi = await device.interrupts('msi')
    await intx.enable()
    await expect(msi.enable()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    const stranger = keep(await openDevice(`fd:${device.descriptor}`, { keepState: true }))
    await expect((await stranger.interrupts('msi')).enable()).rejects.toMatchObject({
      code: 'EINVAL',
      message: expect.stringContaining('another index is armed'),
    })
  })

  it('tells a bad descriptor from a file that is no eventfd', async () => {
    const msi = await device.interrupts('msi')
    await expect(msi.enable([9999])).rejects.toMatchObject({ code: 'EBADF' })
    await expect(msi.enable([0])).rejects.toMatchObject({ code: 'EINVAL' })
    await msi.enable()
    await raise()
    expect(await msi.vector(0).wait()).toBe(1)
    await acknowledge()
  })

  it('interrupts after a reset and a rearming', async () => {
    const msi = await device.interrupts('msi')
    await msi.enable()
    await device.reset()
    await msi.rearm()
    expect(await msi.vector(0).wait()).toBe(1)
    await (await PciConfig.of(device)).setCommand({ memory: true, busMaster: true })
    await raise()
    expect(await msi.vector(0).wait()).toBe(1)
    await acknowledge()
  })

  it('interrupts again once its wiring is restored', async () => {
    const msi = await device.interrupts('msi')
    await msi.enable()
    const wiring = await captureWiring(device)
    expect(wiring).toMatchObject({
      command: { memory: true, busMaster: true },
      interrupts: { kind: 'msi', vectors: [0] },
    })
    await device.close()

    const again = keep(await openDevice(edu))
    const config = await PciConfig.of(again)
    await config.setCommand({ memory: false, busMaster: false })
    await restoreWiring(again, wiring as Wiring)
    expect(await config.command()).toMatchObject({ memory: true, busMaster: true })
    const restored = (await again.interrupts('msi')).vector(0)
    expect(await restored.wait()).toBe(1)
    await (await again.region(0)).writeRegister(RAISE, 4, 1)
    expect(await restored.wait()).toBe(1)
    await (await again.region(0)).writeRegister(ACKNOWLEDGE, 4, 1)
  })

  it('has its registers written by an eventfd', async () => {
    const msi = await device.interrupts('msi')
    await msi.enable()
    const doorbell = keep(EventFd.open())
    const assigned = await bar.ioeventfd(RAISE, 4, 5, doorbell)
    await expect(bar.ioeventfd(RAISE, 4, 5, doorbell)).rejects.toMatchObject({ code: 'EEXIST' })
    doorbell.signal()
    expect(await msi.vector(0).wait()).toBe(1)
    expect(await bar.readRegister(STATUS, 4)).toBe(5)
    await acknowledge(5)
    await assigned.close()
    doorbell.signal()
    await wait(50)
    expect(msi.vector(0).take()).toBe(0)
    const config = await device.region(7)
    await expect(config.ioeventfd(0, 4, 0, doorbell)).rejects.toMatchObject({ code: 'EINVAL' })
  })

  it('is asked for by an unbind, which is over when it is closed', async () => {
    const asked = once(device.notices, 'request')
    const unbinding = unbind(edu)
    try {
      expect(await asked).toMatchObject([{ kind: 'request', device: edu }])
      await wait(200)
      expect(unbinding.isDone()).toBe(false)
    } finally {
      await device.close()
    }
    expect(await unbinding.done).toBe(0)
    bindToVfio(edu)
  })

  it('is closed by itself when an unbind wants it and nobody listens', async () => {
    await device.notices.start({ requestGrace: 300 })
    const warned = once(process, 'warning')
    const unbinding = unbind(edu)
    expect(await warned).toMatchObject([{ name: 'VfioNoticeWarning' }])
    expect(await unbinding.done).toBe(0)
    expect(device.closed).toBe(true)
    bindToVfio(edu)
  })
})

const [nvme = ''] = functionsLike('0x1b36', '0x0010')
requires(
  'a QEMU NVMe controller',
  nvme !== '',
  'no PCI function 1b36:0010; npm run test:kernel brings a machine that has one',
).describe('NVMe, behind vfio-pci', () => {
  let restore = (): void => {}
  beforeAll(() => {
    restore = bindToVfio(nvme)
  })
  afterAll(() => restore())

  it('is signalled on every index it has, by loopback', async () => {
    const device = keep(await openDevice(nvme, { notices: false }))
    const signalled = async (interrupts: Interrupts): Promise<void> => {
      await interrupts.enable()
      await interrupts.trigger()
      for (const vector of interrupts.vectors) expect(await interrupts.vector(vector).wait()).toBe(1)
      await interrupts.disable()
    }
    for (const kind of ['intx', 'msi-x', 'error', 'request'] as const) {
      await signalled(await device.interrupts(kind))
    }
  })

  it('takes MSI-X vectors one by one, as many as it has', async () => {
    const device = keep(await openDevice(nvme))
    const msix = await device.interrupts('msi-x')
    expect(msix.count).toBeGreaterThan(2)
    await msix.enable(1)
    await msix.enable(msix.count)
    await msix.trigger([0, msix.count - 1])
    expect(await msix.vector(0).wait()).toBe(1)
    expect(await msix.vector(msix.count - 1).wait()).toBe(1)
    expect(msix.vector(1).take()).toBe(0)
  })
})
