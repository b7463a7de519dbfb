// SPDX-License-Identifier: MIT
import { afterEach, describe, expect, it } from 'vitest'
import {
  type DirtyMechanism,
  DmaBuffer,
  dirtyMechanismsOf,
  dirtyTrackingOf,
  type MigratableDevice,
  openDevice,
} from '../../../lib/index.js'

const PAGE = 4096n
const BASE = 0x100000n
const open: AsyncDisposable[] = []
const kept = <T extends AsyncDisposable>(one: T): T => {
  open.push(one)
  return one
}
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

async function device(spec = 'sim:v2,state=1MiB'): Promise<MigratableDevice> {
  const opened = kept(await openDevice(spec))
  const memory = kept(await DmaBuffer.allocate(64 * 4096))
  await (await opened.addressSpace()).map(memory, { iova: BASE })
  await (await opened.region(7)).writeRegister(4, 2, 0x6)
  return opened
}

async function write(opened: MigratableDevice, iova: bigint): Promise<void> {
  const registers = await opened.region(0)
  await registers.writeRegister(0x38, 8, iova)
  await registers.writeRegister(0x40, 8, PAGE)
  await registers.writeRegister(0x1c, 4, 3)
  expect(await registers.readRegister(0x34, 4)).toBe(0)
}

const all = { iova: BASE, length: 64n * PAGE }

describe('dirty tracking, whoever does it', () => {
  it.each(['device-log', 'table'] as const)('%s: exactly what was written, once', async (prefer) => {
    const opened = await device()
    const tracking = kept(await dirtyTrackingOf(opened, { prefer }))
    expect(tracking.mechanism).toBe(prefer)
    await write(opened, BASE)
    await tracking.start()
    expect(tracking.pageSize).toBe(PAGE)
    await write(opened, BASE + 5n * PAGE)
    const { bitmap, complete, cause } = await tracking.report(all)
    expect([complete, cause]).toEqual([true, undefined])
    expect([...bitmap.runs()]).toEqual([{ iova: BASE + 5n * PAGE, length: PAGE }])
    expect((await tracking.report(all)).bitmap.dirtyPages).toBe(0)
    await tracking.stop()
    await tracking.stop()
  })

  it('marks everything when a report fails, and says why', async () => {
    const opened = await device()
    const tracking = kept(await dirtyTrackingOf(opened, { prefer: 'device-log' }))
    await tracking.start()
    await opened.dmaLog.stop() // behind its back
    const report = await tracking.report(all)
    expect(report.complete).toBe(false)
    expect(report.cause).toMatchObject({ code: 'EINVAL' })
    expect(report.bitmap.dirtyPages).toBe(64)
    await expect(tracking.stop()).rejects.toMatchObject({ code: 'EINVAL' })
    await tracking.stop() // off all the same
  })

  it('is started once, and reports only then', async () => {
    const tracking = kept(await dirtyTrackingOf(await device()))
    await expect(tracking.report(all)).rejects.toMatchObject({ code: 'ERR_VFIO_NOT_TRACKING' })
    await tracking.start()
    await expect(tracking.start()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
  })

  it('takes the device’s own log where nothing else is preferred', async () => {
    expect((await dirtyTrackingOf(await device())).mechanism).toBe('device-log')
    expect((await dirtyTrackingOf(await device('sim:v1,state=1MiB'))).mechanism).toBe('table')
  })

  it('says what stands in the way of each mechanism', async () => {
    const opened = await device('sim:v1,state=1MiB')
    const support = new Map<DirtyMechanism, string | undefined>(
      (await dirtyMechanismsOf(opened)).map(({ mechanism, lacks }) => [mechanism, lacks]),
    )
    expect(support.get('device-log')).toContain('no log')
    expect(support.get('type1')).toContain('table')
    expect(support.get('table')).toBeUndefined()
    await expect(dirtyTrackingOf(opened, { prefer: ['iommufd', 'device-log'] })).rejects.toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
      message: expect.stringMatching(/iommufd: .*; device-log: /),
    })
  })

  it('refuses a page size that there is none of, and a log of nothing', async () => {
    const table = await dirtyTrackingOf(await device(), { prefer: 'table' })
    await expect(table.start({ pageSize: 1024 })).rejects.toThrow(RangeError)
    const empty = kept(await openDevice('sim:v2,state=1MiB'))
    await expect((await dirtyTrackingOf(empty)).start()).rejects.toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
    })
  })
})
