// SPDX-License-Identifier: MIT
// Interrupts of any device: what does not need the device to interrupt by itself, and on the test device, what does.
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, expect, it } from 'vitest'
import { EventFd, type MigratableDevice } from '../../../lib/index.js'
import type { Backend } from './backend.js'

const MSI = 1
const MSIX = 2
const REQUEST = 4
const BUS_MASTER = 4
const INTX_DISABLE = 1 << 10

export function interruptsContract(backend: Backend): void {
  const closing: AsyncDisposable[] = []
  const opened = async (): Promise<MigratableDevice> => {
    const device = await backend.open()
    closing.push(device)
    return device
  }
  const eventFd = (): EventFd => {
    const event = EventFd.open()
    closing.push(event)
    return event
  }
  afterEach(async () => {
    for (const one of closing.splice(0).reverse()) await one[Symbol.asyncDispose]()
  })

  it('says what there is, and the same object at each call', async () => {
    const device = await opened()
    const intx = await device.interrupts('intx')
    expect(intx).toMatchObject({
      index: 0,
      name: 'intx',
      count: 1,
      enabled: false,
      flags: { eventFd: true, maskable: true },
    })
    expect(await device.interrupts(0)).toBe(intx)
    expect((await device.interrupts('msi')).flags.noResize).toBe(true)
  })

  it('has no index that it has not', async () => {
    const device = await opened()
    await expect(device.interrupts(17)).rejects.toMatchObject({ code: 'ERR_VFIO_NO_SUCH_INTERRUPT' })
  })

  it('loses no signal of many', async () => {
    const msi = await (await opened()).interrupts('msi')
    await msi.enable(1)
    let total = 0
    const counting = (async () => {
      for await (const count of msi.vector(0)) {
        total += count
        if (total >= 300) break
      }
    })()
    for (let i = 0; i < 300; i++) await msi.trigger()
    await counting
    expect(total).toBe(300)
    expect(msi.vector(0).take()).toBe(0)
  })

  it('refuses a second kind of interrupt while one is enabled, and takes it when that is disabled', async () => {
    const device = await opened()
    const intx = await device.interrupts('intx')
    const msi = await device.interrupts('msi')
    await msi.enable(1)
    await expect(intx.enable()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    await msi.disable()
    await intx.enable()
    await intx.trigger()
    expect(await intx.vector(0).wait()).toBe(1)
  })

  it('delivers to an eventfd of the caller, who keeps it', async () => {
    const msi = await (await opened()).interrupts('msi')
    const event = eventFd()
    await msi.enable([event])
    expect(msi.vector(0)).toBe(event)
    await msi.trigger()
    expect(await event.wait()).toBe(1)
    await msi.close()
    event.signal()
    expect(event.take()).toBe(1)
  })

  it('delivers to a bare descriptor, and leaves reading it to its owner', async () => {
    const msi = await (await opened()).interrupts('msi')
    const event = eventFd()
    await msi.enable([event.descriptor])
    expect(() => msi.vector(0)).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_NO_SUCH_INTERRUPT' }) as Error,
    )
    await msi.trigger()
    expect(event.take()).toBe(1)
  })

  it('tells a descriptor that is not open, and a file that is no eventfd', async () => {
    const msi = await (await opened()).interrupts('msi')
    await expect(msi.enable([9876])).rejects.toMatchObject({ code: 'EBADF' })
    await expect(msi.enable([0])).rejects.toMatchObject({ code: 'EINVAL' })
    expect(msi.enabled).toBe(false)
  })

  it('enables no more than there are', async () => {
    const msi = await (await opened()).interrupts('msi')
    await expect(msi.enable(msi.count + 1)).rejects.toThrow(RangeError)
    await expect(msi.enable(0)).rejects.toThrow(RangeError)
    await expect(msi.trigger(0)).rejects.toMatchObject({ code: 'ERR_VFIO_NO_SUCH_INTERRUPT' })
  })

  it('disables what is not enabled without a word, and enables again', async () => {
    const msi = await (await opened()).interrupts('msi')
    await msi.disable()
    for (let round = 0; round < 3; round++) {
      await msi.enable(1)
      await msi.trigger()
      expect(await msi.vector(0).wait()).toBe(1)
      await msi.disable()
    }
  })

  it('kicks every vector after a reset', async () => {
    const device = await opened()
    const msi = await device.interrupts('msi')
    await msi.enable()
    await device.reset()
    await msi.rearm()
    for (const vector of msi.vectors) expect(await msi.vector(vector).wait()).toBe(1)
  })

  it('refuses whoever waits when the device is closed', async () => {
    const device = await opened()
    const msi = await device.interrupts('msi')
    await msi.enable(1)
    const waiting = msi.vector(0).wait()
    const refused = expect(waiting).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    await device.close()
    await refused
  })

  it('cannot mask MSI', async () => {
    const msi = await (await opened()).interrupts('msi')
    await msi.enable(1)
    await expect(msi.mask()).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
  })

  if (!backend.isTestDevice) return

  const raise = async (device: MigratableDevice, index: number, vector = 0): Promise<void> =>
    (await device.region(0)).writeRegister(0x48, 4, index * 0x1_0000 + vector)
  const acknowledge = async (device: MigratableDevice): Promise<void> =>
    (await device.region(0)).writeRegister(0x50, 4, 1)
  const command = async (device: MigratableDevice, value: number): Promise<void> =>
    (await device.region(7)).writeRegister(4, 2, value)

  it('delivers each MSI-X vector where it was told, once the device is bus master', async () => {
    const device = await opened()
    const msix = await device.interrupts('msi-x')
    expect(msix.count).toBe(8)
    const third = eventFd()
    await msix.enable([null, null, third, eventFd()])
    expect(msix.vectors).toEqual([2, 3])
    await raise(device, MSIX, 2)
    await command(device, BUS_MASTER)
    await raise(device, MSIX, 2)
    await raise(device, MSIX, 2)
    await raise(device, MSIX, 1)
    await raise(device, MSI, 2)
    expect(third.take()).toBe(2)
    expect(msix.vector(3).take()).toBe(0)
  })

  it('grows a set that cannot be resized by enabling it anew', async () => {
    const device = await opened()
    await command(device, BUS_MASTER)
    const msi = await device.interrupts('msi')
    await msi.enable(1)
    const first = msi.vector(0)
    await msi.enable(4)
    expect(msi.vector(0)).toBe(first)
    await raise(device, MSI, 0)
    await raise(device, MSI, 3)
    expect(await first.wait()).toBe(1)
    expect(await msi.vector(3).wait()).toBe(1)
    await msi.enable(2)
    await raise(device, MSI, 1)
    await raise(device, MSI, 3)
    expect(msi.vector(1).take()).toBe(1)
    expect(() => msi.vector(3)).toThrow()
  })

  it('masks INTx by itself until it is unmasked', async () => {
    const device = await opened()
    const intx = await device.interrupts('intx')
    await intx.enable()
    const line = intx.vector(0)
    await raise(device, 0)
    expect(await line.wait()).toBe(1)
    await raise(device, 0)
    expect(line.take()).toBe(0)
    await intx.unmask() // the line is still up
    expect(await line.wait()).toBe(1)
    await acknowledge(device)
    await intx.unmask()
    expect(line.take()).toBe(0)
    await intx.mask()
    await raise(device, 0)
    expect(line.take()).toBe(0)
    await intx.unmask()
    expect(await line.wait()).toBe(1)
  })

  it('unmasks INTx whenever an eventfd says so', async () => {
    const device = await opened()
    const intx = await device.interrupts('intx')
    await intx.enable()
    const resample = eventFd()
    await intx.unmaskOn(resample)
    for (let round = 0; round < 3; round++) {
      await raise(device, 0)
      expect(await intx.vector(0).wait()).toBe(1)
      resample.signal()
      expect(await intx.vector(0).wait()).toBe(1) // still up
      await acknowledge(device)
      resample.signal()
      await wait(30)
    }
    await intx.unmaskOn(eventFd()) // replaces the first
    await raise(device, 0)
    expect(await intx.vector(0).wait()).toBe(1)
    resample.signal()
    await wait(50)
    expect(intx.vector(0).take()).toBe(0)
    await intx.unmaskOn(null)
  })

  it('holds INTx back while the command register disables it', async () => {
    const device = await opened()
    const intx = await device.interrupts('intx')
    await intx.enable()
    await command(device, INTX_DISABLE)
    await raise(device, 0)
    expect(intx.vector(0).take()).toBe(0)
    await command(device, 0)
    expect(await intx.vector(0).wait()).toBe(1)
  })

  it('tells its owner that it is wanted back, and that it failed', async () => {
    const device = await opened()
    await device.notices.start()
    const seen: string[] = []
    const both = new Promise<void>((resolve) => {
      const note = ({ kind }: { kind: string }): void => {
        if (seen.push(kind) === 2) resolve()
      }
      device.notices.once('request', note)
      device.notices.once('device-error', note)
    })
    await raise(device, REQUEST)
    await raise(device, 3)
    await both
    expect(seen.sort()).toEqual(['device-error', 'request'])
    expect(device.closed).toBe(false)
  })

  it('closes itself when it is wanted back and nobody listens', async () => {
    const device = await backend.open()
    await device.notices.start({ requestGrace: 50 })
    await raise(device, REQUEST)
    for (let i = 0; i < 200 && !device.closed; i++) await wait(10)
    expect(device.closed).toBe(true)
    await device.close()
  })
}
