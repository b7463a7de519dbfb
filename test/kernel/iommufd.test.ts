// SPDX-License-Identifier: MIT
// Device nodes and iommufd on a real kernel: QEMU's edu behind a virtual Intel IOMMU, and the project's module.
import { closeSync, existsSync, openSync } from 'node:fs'
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest'
import { Group, Iommufd } from '../../lib/device/kernel/index.js'
import { findDevice } from '../../lib/host/index.js'
import {
  DirtyBitmap,
  DmaBuffer,
  dirtyTrackingOf,
  type MigratableDevice,
  openDevice,
} from '../../lib/index.js'
import { requires } from '../support/requirement.js'
import { createTestDevice, hasTestModule, removeDevice } from './support/mdev.js'
import { bindToVfio, functionsLike } from './support/pci-function.js'

const hasIommufd = existsSync('/dev/iommu')
const [edu = '', otherEdu = ''] = functionsLike('0x1234', '0x11e8')
const PAGE = 4096n

const open: AsyncDisposable[] = []
const kept = <T extends AsyncDisposable>(one: T): T => {
  open.push(one)
  return one
}
afterEach(async () => {
  for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
})

const pages = (bitmap: DirtyBitmap): bigint[] =>
  [...bitmap.runs()].flatMap(({ iova, length }) =>
    Array.from(
      { length: Number(length / bitmap.pageSize) },
      (_, page) => iova + BigInt(page) * bitmap.pageSize,
    ),
  )

requires('iommufd and two edu functions', hasIommufd && otherEdu !== '', 'not in this machine').describe(
  'a PCI function by its own node',
  () => {
    let giveBack: (() => void)[] = []
    let node = ''
    beforeAll(async () => {
      giveBack = [bindToVfio(edu), bindToVfio(otherEdu)]
      node = (await findDevice(edu))?.cdev ?? ''
    })
    afterAll(() => {
      for (const back of giveBack) back()
    })

    const opened = async (options: Parameters<typeof openDevice>[1] = { path: 'cdev' }) =>
      kept(await openDevice(edu, options))

    // edu moves up to 4 KiB between its buffer (at 0x40000) and memory: source, destination, count, then the command that starts it.
    const transfer = async (device: MigratableDevice, from: bigint, to: bigint, command: number) => {
      const config = await device.region(7)
      await config.writeRegister(4, 2, 0x6) // memory space and bus master
      const registers = await device.region(0)
      await registers.writeRegister(0x80, 8, from)
      await registers.writeRegister(0x88, 8, to)
      await registers.writeRegister(0x90, 8, 64n)
      await registers.writeRegister(0x98, 8, BigInt(command))
      while ((await registers.readRegister(0x98, 8)) & 1n) await new Promise((go) => setTimeout(go, 5))
    }

    it('is what the path says, and reaches memory through an address space of its own', async () => {
      const device = await opened()
      expect(device.path).toBe('cdev')
      expect(device.iommufdId).toBeGreaterThan(0)
      const space = await device.addressSpace()
      const memory = kept(await DmaBuffer.allocate(8192))
      const { iova } = await space.map(memory, { iova: 0x100000n })
      const view = new Uint8Array(memory.buffer)
      view.set(Array.from({ length: 64 }, (_, i) => i + 1))
      await transfer(device, iova, 0x40000n, 1)
      await transfer(device, 0x40000n, iova + PAGE, 3)
      expect(view.slice(4096, 4160)).toEqual(view.slice(0, 64))
      expect(await space.unmap(iova, memory.size)).toBe(8192n)
      expect(await space.unmap(iova, memory.size)).toBe(0n)
    })

    it('interrupts by MSI and by INTx, as it does through its group', async () => {
      const device = await opened()
      const config = await device.region(7)
      await config.writeRegister(4, 2, 0x6)
      const registers = await device.region(0)
      for (const kind of ['msi', 'intx'] as const) {
        const interrupts = await device.interrupts(kind)
        await interrupts.enable()
        await registers.writeRegister(0x60, 4, 1) // raises
        expect(await interrupts.vector(0).wait({ signal: AbortSignal.timeout(20_000) })).toBe(1)
        await registers.writeRegister(0x64, 4, 1) // acknowledges
        await interrupts.disable()
      }
    })

    it('is hot reset without a group to show', async () => {
      const device = await opened()
      const info = await device.hotResetInfo()
      expect(info.devices.map(({ address }) => address)).toContain(edu)
      const registers = await device.region(0)
      await (await device.region(7)).writeRegister(4, 2, 0x6)
      await registers.writeRegister(0x04, 4, 5)
      await device.hotReset()
      await (await device.region(7)).writeRegister(4, 2, 0x6)
      expect(await registers.readRegister(0x00, 4)).toBe(0x010000ed)
    })

    it('leaves the addresses out that it reserves', async () => {
      const space = await (await opened()).addressSpace()
      const { ranges, pageSizes, dirtyPageSizes } = await space.info()
      expect(pageSizes[0]).toBe(PAGE)
      expect(dirtyPageSizes).toEqual([])
      expect(ranges.some(({ first, last }) => first <= 0xfee00000n && last >= 0xfee00000n)).toBe(false)
      const memory = kept(await DmaBuffer.allocate(4096))
      await expect(space.map(memory, { iova: 0xfee00000n })).rejects.toMatchObject({ code: 'EINVAL' })
      await space.map(memory, { iova: 0x200000n })
      await expect(space.map(memory, { iova: 0x200000n })).rejects.toMatchObject({ code: 'EEXIST' })
      expect(await space.unmapAll()).toBe(4096n)
    })

    it('is bound once, and not while its group is open; nor its group while it is', async () => {
      const device = await opened()
      await expect(openDevice(edu, { path: 'cdev' })).rejects.toMatchObject({
        code: 'ERR_VFIO_IN_USE',
        cause: { code: 'EINVAL' },
      })
      await expect(openDevice(edu, { path: 'group' })).rejects.toMatchObject({
        code: 'ERR_VFIO_IN_USE',
        cause: { code: 'EBUSY' },
      })
      await device.close()
      const grouped = await opened({})
      expect(grouped.path).toBe('group')
      await expect(openDevice(node)).rejects.toMatchObject({
        code: 'ERR_VFIO_IN_USE',
        cause: { code: 'EBUSY', syscall: 'ioctl' },
      })
      await grouped.close()
      expect(kept(await openDevice(node)).path).toBe('cdev')
    })

    it('answers nothing before it is bound', async () => {
      const fd = openSync(node, 'r+')
      try {
        await expect(openDevice(`fd:${fd}`)).rejects.toMatchObject({
          code: 'EINVAL',
          message: expect.stringContaining('not bound'),
        })
      } finally {
        closeSync(fd)
      }
    })

    it('can be adopted from its descriptor', async () => {
      const adopted = kept(await openDevice(`fd:${(await opened()).descriptor}`))
      expect(adopted.path).toBe('cdev')
      expect((await adopted.info()).regions).toBe(9)
      await expect(adopted.addressSpace()).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
    })

    it('shares an address space with another, and copies between two', async () => {
      const iommufd = kept(await Iommufd.open())
      const ioas = kept(await iommufd.ioas())
      const space = kept(ioas.addressSpace())
      const one = await opened({ addressSpace: space })
      const other = kept(await openDevice(otherEdu, { addressSpace: space }))
      expect([one.path, other.path]).toEqual(['cdev', 'cdev'])
      const memory = kept(await DmaBuffer.allocate(8192))
      await space.map(memory, { iova: 0x100000n })
      const second = kept(await iommufd.ioas())
      expect(await second.copy(ioas, 0x100000n, PAGE, { iova: 0x700000n })).toBe(0x700000n)
      await expect(second.copy(ioas, 0x900000n, PAGE)).rejects.toMatchObject({ code: 'ENOENT' })
      await second.copy(ioas, 0x100000n, PAGE)
      expect(await second.addressSpace().unmapAll()).toBe(8192n)
      await transfer(one, 0x100000n, 0x40000n, 1)
      await transfer(other, 0x100000n, 0x40000n, 1)
      await other.close()
      await one.close()
    })

    it('has an IOMMU that keeps no dirty bits, and says so', async () => {
      const iommufd = kept(await Iommufd.open())
      const ioas = kept(await iommufd.ioas())
      const device = await opened({ addressSpace: kept(ioas.addressSpace()) })
      const info = await iommufd.hwInfo(device.iommufdId ?? 0)
      expect(info).toMatchObject({ type: 1, dirtyTracking: false })
      expect(info.data.byteLength).toBe(24)
      await expect(ioas.hwpt(device.iommufdId ?? 0, { dirtyTracking: true })).rejects.toMatchObject({
        code: 'EOPNOTSUPP',
      })
      const plain = kept(await ioas.hwpt(device.iommufdId ?? 0))
      await expect(plain.setDirtyTracking(true)).rejects.toMatchObject({ code: 'EOPNOTSUPP' })
      await device.close()
      await expect(openDevice(edu, { needs: ['hwpt-dirty-tracking'] })).rejects.toMatchObject({
        code: 'EOPNOTSUPP',
      })
      await opened()
    })

    it('stands in for a container, without dirty pages', async () => {
      const iommufd = kept(await Iommufd.open())
      expect(await iommufd.containerIoas()).toBeUndefined()
      const container = kept(await iommufd.container())
      expect(await container.apiVersion()).toBe(0)
      const device = await opened({ addressSpace: kept(container.addressSpace()) })
      expect(device.path).toBe('group')
      expect(await iommufd.containerIoas()).toBeGreaterThan(0)
      const space = await device.addressSpace()
      const memory = kept(await DmaBuffer.allocate(4096))
      await space.map(memory, { iova: 0x100000n })
      await transfer(device, 0x100000n, 0x40000n, 1)
      await expect(space.startDirtyTracking()).rejects.toMatchObject({ code: 'ENOTTY' })
      expect(await space.unmapAll()).toBe(4096n)
      await device.close()
      await iommufd.setContainerIoas(undefined)
      const { group } = (await findDevice(edu)) ?? {}
      const freed = kept(await Group.open(group?.id ?? -1))
      expect(await freed.status()).toMatchObject({ containerSet: false })
    })
  },
)

requires('iommufd and the project’s module', hasIommufd && hasTestModule, 'vfm_test is not loaded').describe(
  'an emulated device by its own node',
  () => {
    let uuid = ''
    beforeAll(() => {
      uuid = createTestDevice('v2', { state_bytes: 1 << 20 })
    })
    afterAll(() => removeDevice(uuid))

    const write = async (device: MigratableDevice, iova: bigint, length: bigint) => {
      await (await device.region(7)).writeRegister(4, 2, 0x6)
      const registers = await device.region(0)
      await registers.writeRegister(0x38, 8, iova)
      await registers.writeRegister(0x40, 8, length)
      await registers.writeRegister(0x1c, 4, 3)
      expect(await registers.readRegister(0x34, 4)).toBe(0)
    }

    it('logs exactly the pages it wrote, and no others', async () => {
      const device = kept(await openDevice(uuid, { path: 'cdev' }))
      const space = await device.addressSpace()
      const memory = kept(await DmaBuffer.allocate(64 * 4096))
      await space.map(memory, { iova: 0x100000n })
      const pageSize = await device.dmaLog.start([{ iova: 0x100000n, length: memory.size }])
      expect(pageSize).toBe(PAGE)
      await expect(device.dmaLog.start([{ iova: 0x100000n, length: memory.size }])).rejects.toMatchObject({
        code: 'EINVAL',
      })
      await write(device, 0x103000n, PAGE)
      await write(device, 0x120800n, PAGE)
      const found = DirtyBitmap.create(0x100000n, memory.size)
      expect(pages(await device.dmaLog.report(found))).toEqual([0x103000n, 0x120000n, 0x121000n])
      found.clear()
      expect((await device.dmaLog.report(found)).dirtyPages).toBe(0)
      await device.dmaLog.stop()
      await expect(device.dmaLog.report(found)).rejects.toMatchObject({ code: 'EINVAL' })
      expect(found.dirtyPages).toBe(64)
    })

    it('is tracked exactly by each mechanism that it has, and says what it has not', async () => {
      for (const [path, prefer] of [
        ['cdev', 'device-log'],
        ['group', 'device-log'],
        ['group', 'type1'],
      ] as const) {
        await using device = await openDevice(uuid, { path })
        await using memory = await DmaBuffer.allocate(64 * 4096)
        const { iova } = await (await device.addressSpace()).map(memory, { iova: 0x100000n })
        await using tracking = await dirtyTrackingOf(device, { prefer })
        expect(tracking.mechanism).toBe(prefer)
        await tracking.start()
        await write(device, 0x105000n, PAGE)
        const { bitmap, complete } = await tracking.report({ iova, length: memory.size })
        expect([complete, pages(bitmap)]).toEqual([true, [0x105000n]])
      }
      await using device = await openDevice(uuid, { path: 'cdev' })
      await expect(dirtyTrackingOf(device, { prefer: ['iommufd', 'type1'] })).rejects.toMatchObject({
        code: 'ERR_VFIO_UNSUPPORTED',
        message: expect.stringContaining('iommufd: its address space was made without dirty tracking'),
      })
    })

    it('has no page table, so that an IOMMU cannot track it', async () => {
      const device = kept(await openDevice(uuid, { path: 'cdev' }))
      const iommufd = kept(await Iommufd.open())
      await expect(openDevice(uuid, { needs: ['hwpt-dirty-tracking'] })).rejects.toMatchObject({
        code: 'ERR_VFIO_IN_USE',
      })
      await device.close()
      await expect(openDevice(uuid, { needs: ['hwpt-dirty-tracking'] })).rejects.toMatchObject({
        code: 'ENOENT',
        message: expect.stringContaining('emulated'),
      })
      await expect(iommufd.hwInfo(12345)).rejects.toMatchObject({ code: 'ENOENT' })
    })
  },
)

requires('iommufd', hasIommufd, 'a kernel without').describe('an iommufd', () => {
  it('keeps its options, and destroys what nothing uses', async () => {
    const iommufd = kept(await Iommufd.open())
    expect(await iommufd.memoryCharge()).toBe('user')
    await iommufd.setMemoryCharge('process')
    const ioas = kept(await iommufd.ioas())
    await expect(iommufd.setMemoryCharge('user')).rejects.toMatchObject({ code: 'EBUSY' })
    expect(await ioas.hugePages()).toBe(true)
    await ioas.setHugePages(false)
    expect(await ioas.hugePages()).toBe(false)
    await ioas.allowIovas([{ first: 0x10000n, last: 0x1ffffn }])
    const adopted = kept(await Iommufd.adopt(iommufd.descriptor))
    expect(await adopted.memoryCharge()).toBe('process')
    await adopted.destroy(ioas.id)
    await expect(adopted.destroy(ioas.id)).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
