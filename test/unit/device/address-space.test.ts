// SPDX-License-Identifier: MIT
// The address space of this process, and who owns it. What devices do through one: test/contract/suite/dma.ts.
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { AddressSpace, DirtyBitmap, DmaBuffer, openDevice } from '../../../lib/index.js'
import { TestDevice } from '../../support/test-device.js'

const SIM = 'sim:v2,state=64KiB'

it('says what may be mapped', async () => {
  await using space = AddressSpace.create()
  const info = await space.info()
  expect(info.pageSizes[0]).toBe(4096n)
  expect(info.ranges).toEqual([{ first: 0n, last: 2n ** 64n - 1n }])
  expect([info.mappingsLeft, info.dirtyPageSizes]).toEqual([65535n, [4096n]])
})

it('reads and writes as a device would', async () => {
  await using space = AddressSpace.create()
  await using buffer = await DmaBuffer.allocate(8192)
  await space.map(buffer, { iova: 0x1000n })
  await space.write(0x1ffen, Uint8Array.of(1, 2, 3, 4))
  expect([...(await space.read(0x1fffn, 2))]).toEqual([2, 3])
  expect([...new Uint8Array(buffer.buffer, 4094, 4)]).toEqual([1, 2, 3, 4])
  await expect(space.read(0x2fffn, 2)).rejects.toMatchObject({ code: 'EFAULT' })
})

it('is shared by devices that were opened in it, and closed by whoever made it', async () => {
  await using space = AddressSpace.create()
  await using buffer = await DmaBuffer.allocate(4096)
  await space.map(buffer, { iova: 0x1000n })
  const one = await openDevice(SIM, { addressSpace: space })
  const other = await openDevice('sim:v1,state=64KiB', { addressSpace: space })
  expect(await one.addressSpace()).toBe(space)
  for (const device of [one, other]) {
    const test = await TestDevice.of(device)
    await test.setBusMaster(true)
    expect(await test.dmaWrite(0x1000n, 8, 1)).toBe(0)
  }
  await expect(space.close()).rejects.toMatchObject({
    code: 'ERR_VFIO_BUSY',
    message: expect.stringContaining(SIM),
  })
  await one.close()
  expect(space.closed).toBe(false)
  await space.close({ devices: 'close' })
  expect([other.closed, space.closed]).toEqual([true, true])
})

it('of a device ends with the last device in it', async () => {
  const one = await openDevice(SIM)
  const space = await one.addressSpace()
  expect(await one.addressSpace()).toBe(space)
  const other = await openDevice(SIM, { addressSpace: space })
  await one.close()
  expect(space.closed).toBe(false)
  await other.close()
  expect(space.closed).toBe(true)
  await expect(space.info()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
})

it('mappings end with it, and disposing of one afterwards is no error', async () => {
  const device = await openDevice(SIM)
  await using buffer = await DmaBuffer.allocate(4096)
  await using mapping = await (await device.addressSpace()).map(buffer)
  expect(mapping.mapped).toBe(true)
  await device.close()
  expect(mapping.mapped).toBe(false)
  await mapping.unmap()
})

it('a mapping that was unmapped by its address is gone, and its place another’s', async () => {
  await using space = AddressSpace.create()
  await using buffer = await DmaBuffer.allocate(4096)
  const first = await space.map(buffer, { iova: 0x1000n })
  await space.unmap(0x1000n, 4096)
  const second = await space.map(buffer, { iova: 0x1000n })
  await first.unmap()
  expect([first.mapped, second.mapped]).toEqual([false, true])
  expect(await space.unmapAll()).toBe(4096n)
  expect(second.mapped).toBe(false)
})

it('cannot be another backend’s', async () => {
  await using space = AddressSpace.create()
  await expect(openDevice('fd:0', { addressSpace: space })).rejects.toMatchObject({
    code: 'ERR_VFIO_UNSUPPORTED',
  })
})

it('behaves as a plain list of mappings would', async () => {
  const PAGE = 4096n
  const action = fc.record({
    kind: fc.constantFrom('map', 'find', 'unmap', 'write'),
    page: fc.nat(31),
    pages: fc.integer({ min: 1, max: 6 }),
  })
  await using buffer = await DmaBuffer.allocate(6 * 4096)
  await fc.assert(
    fc.asyncProperty(fc.array(action, { maxLength: 40 }), async (actions) => {
      await using space = AddressSpace.create()
      await space.startDirtyTracking()
      let model: { first: number; last: number }[] = []
      const dirty = new Set<number>()
      for (const { kind, page, pages } of actions) {
        const iova = BigInt(page) * PAGE
        const size = BigInt(pages) * PAGE
        const last = page + pages - 1
        const touched = model.filter((each) => each.first <= last && page <= each.last)
        if (kind === 'map') {
          const mapped = space.map(buffer, { iova, length: size })
          if (touched.length > 0) await expect(mapped).rejects.toMatchObject({ code: 'EEXIST' })
          else {
            await mapped
            model.push({ first: page, last })
          }
        } else if (kind === 'find') {
          const taken = (at: number): boolean => model.some((each) => each.first <= at && at <= each.last)
          let at = 16
          while (Array.from({ length: pages }, (_, n) => at + n).some(taken)) at++
          expect((await space.map(buffer, { length: size })).iova).toBe(BigInt(at) * PAGE)
          model.push({ first: at, last: at + pages - 1 })
        } else if (kind === 'unmap') {
          const unmapped = space.unmap(iova, size)
          if (touched.some((each) => each.first < page || each.last > last)) {
            await expect(unmapped).rejects.toMatchObject({ code: 'EINVAL' })
          } else {
            const bytes = touched.reduce((sum, each) => sum + each.last - each.first + 1, 0)
            expect(await unmapped).toBe(BigInt(bytes) * PAGE)
            model = model.filter((each) => !touched.includes(each))
            for (const each of touched) for (let at = each.first; at <= each.last; at++) dirty.delete(at)
          }
        } else {
          const written = space.write(iova, new Uint8Array(pages * 4096))
          const covered = touched.reduce(
            (sum, each) => sum + Math.min(each.last, last) - Math.max(each.first, page) + 1,
            0,
          )
          if (covered < pages) await expect(written).rejects.toMatchObject({ code: 'EFAULT' })
          else {
            await written
            for (let at = page; at <= last; at++) dirty.add(at)
          }
        }
      }
      const bitmap = await space.reportDirty(DirtyBitmap.create(0n, 1024n * PAGE))
      expect(bitmap.dirtyPages).toBe(dirty.size)
      expect([...dirty].every((at) => bitmap.isDirty(BigInt(at) * PAGE))).toBe(true)
    }),
    { numRuns: 40 },
  )
})
