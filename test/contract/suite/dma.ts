// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { type AddressSpace, type Device, DirtyBitmap, DmaBuffer } from '../../../lib/index.js'
import { expectedMemory } from '../../support/generator.js'
import { TestDevice } from '../../support/test-device.js'
import type { Backend } from './backend.js'

const PAGE = 4096
const PAGES = 128
const SIZE = PAGES * PAGE
const IOVA = 0x1000_0000n
const EIO = 5
const EFAULT = 14

/** A device, its address space, and memory that nothing is mapped from yet. */
class Bench implements AsyncDisposable {
  readonly device: Device
  readonly space: AddressSpace
  readonly test: TestDevice
  readonly buffer: DmaBuffer

  private constructor(device: Device, space: AddressSpace, test: TestDevice, buffer: DmaBuffer) {
    this.device = device
    this.space = space
    this.test = test
    this.buffer = buffer
  }

  static async of(backend: Backend): Promise<Bench> {
    const device = await backend.open()
    const test = await TestDevice.of(device)
    await test.setBusMaster(true)
    return new Bench(device, await device.addressSpace(), test, await DmaBuffer.allocate(SIZE))
  }

  get bytes(): Uint8Array {
    return new Uint8Array(this.buffer.buffer)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.device.close()
    await this.buffer.close()
  }
}

/** The pages that are dirty, counted from the start of the bitmap. */
function pagesOf(bitmap: DirtyBitmap): number[] {
  return [...bitmap.runs()].flatMap(({ iova, length }) => {
    const first = Number((iova - bitmap.iova) / bitmap.pageSize)
    return Array.from({ length: Number(length / bitmap.pageSize) }, (_, page) => first + page)
  })
}

/** What the device reads and writes of the user's memory: needs devices that do so when they are told to. */
export function dmaContract(backend: Backend): void {
  it('writes what it is told to, where it is told to, and nothing else', async () => {
    await using bench = await Bench.of(backend)
    await bench.space.map(bench.buffer, { iova: IOVA })
    bench.bytes.fill(0xaa)
    const expected = bench.bytes.slice()
    expected.set(expectedMemory(7, SIZE).subarray(0, 70_000), 12_345)
    expect(await bench.test.dmaWrite(IOVA + 12_345n, 70_000, 7)).toBe(0)
    expect(Buffer.compare(bench.bytes, expected)).toBe(0)
  })

  it('reads what is there', async () => {
    await using bench = await Bench.of(backend)
    const mapping = await bench.space.map(bench.buffer)
    bench.bytes.set(expectedMemory(9, SIZE))
    expect(await bench.test.dmaRead(mapping.iova, SIZE)).toBe(0)
    expect(Buffer.compare(await bench.test.readMemory(0, SIZE), bench.bytes)).toBe(0)
  })

  it('crosses from one mapping to the next', async () => {
    await using bench = await Bench.of(backend)
    // The second half of the memory comes first.
    await bench.space.map(bench.buffer, { iova: IOVA, offset: SIZE / 2 })
    await bench.space.map(bench.buffer, { iova: IOVA + BigInt(SIZE / 2), length: SIZE / 2 })
    expect(await bench.test.dmaWrite(IOVA, SIZE, 3)).toBe(0)
    const written = expectedMemory(3, SIZE)
    expect(Buffer.compare(bench.bytes.subarray(SIZE / 2), written.subarray(0, SIZE / 2))).toBe(0)
    expect(Buffer.compare(bench.bytes.subarray(0, SIZE / 2), written.subarray(SIZE / 2))).toBe(0)
  })

  it('reaches nothing that is not mapped, not writable, or no more mapped', async () => {
    await using bench = await Bench.of(backend)
    expect(await bench.test.dmaWrite(IOVA, PAGE, 1)).toBe(EFAULT)
    const mapping = await bench.space.map(bench.buffer, { iova: IOVA, access: 'read' })
    expect(await bench.test.dmaWrite(IOVA, PAGE, 1)).toBe(EFAULT)
    expect(await bench.test.dmaRead(IOVA, PAGE)).toBe(0)
    expect(await bench.test.dmaRead(IOVA + BigInt(SIZE) - 1n, 2)).toBe(EFAULT)
    await mapping.unmap()
    expect(mapping.mapped).toBe(false)
    expect(await bench.test.dmaRead(IOVA, PAGE)).toBe(EFAULT)
    expect(bench.bytes.every((byte) => byte === 0)).toBe(true)
  })

  it('does no DMA while bus mastering is off', async () => {
    await using bench = await Bench.of(backend)
    await bench.space.map(bench.buffer, { iova: IOVA })
    await bench.test.setBusMaster(false)
    expect(await bench.test.dmaWrite(IOVA, PAGE, 1)).toBe(EIO)
    expect(bench.bytes.every((byte) => byte === 0)).toBe(true)
    await bench.test.setBusMaster(true)
    expect(await bench.test.dmaWrite(IOVA, PAGE, 1)).toBe(0)
  })

  it('keeps mapped memory although its buffer is closed', async () => {
    await using bench = await Bench.of(backend)
    await bench.space.map(bench.buffer, { iova: IOVA })
    bench.bytes.set(expectedMemory(5, PAGE))
    await bench.buffer.close()
    expect(await bench.test.dmaRead(IOVA, PAGE)).toBe(0)
    expect(Buffer.compare(await bench.test.readMemory(0, PAGE), expectedMemory(5, PAGE))).toBe(0)
  })

  it('refuses mappings that overlap or are not whole pages, with the limit in the message', async () => {
    await using bench = await Bench.of(backend)
    const { space, buffer } = bench
    await space.map(buffer, { iova: IOVA, length: 4 * PAGE })
    const overlap = space.map(buffer, { iova: IOVA + 0x3000n, length: 2 * PAGE })
    await expect(overlap).rejects.toMatchObject({
      code: 'EEXIST',
      message: expect.stringContaining('0x10000000-0x10003fff'),
    })
    for (const wrong of [
      { iova: IOVA + 0x8100n, length: PAGE },
      { iova: IOVA + 0x8000n, length: 100 },
      { iova: IOVA + 0x8000n, offset: 100, length: PAGE },
    ]) {
      await expect(space.map(buffer, wrong)).rejects.toMatchObject({
        code: 'EINVAL',
        message: expect.stringContaining('4096'),
      })
    }
    await expect(space.unmap(IOVA, PAGE)).rejects.toMatchObject({ code: 'EINVAL' })
    expect(await space.mapped()).toEqual([{ first: IOVA, last: IOVA + 0x3fffn }])
    expect(await space.unmap(IOVA, SIZE)).toBe(BigInt(4 * PAGE))
  })

  it('finds addresses by itself, where nothing is', async () => {
    await using bench = await Bench.of(backend)
    const first = await bench.space.map(bench.buffer, { length: 4 * PAGE })
    const second = await bench.space.map(bench.buffer, { length: 4 * PAGE })
    expect(second.iova).toBe(first.iova + BigInt(4 * PAGE))
    await first.unmap()
    expect((await bench.space.map(bench.buffer, { length: 2 * PAGE })).iova).toBe(first.iova)
    const low = bench.space.map(bench.buffer, { highest: 0xffffn })
    await expect(low).rejects.toMatchObject({ code: 'ENOSPC' })
  })

  if (backend.tracksDirty ?? true) {
    it('its address space records exactly what it wrote', async () => {
      await using bench = await Bench.of(backend)
      const { space, test } = bench
      const mapping = await space.map(bench.buffer, { iova: IOVA })
      const bitmap = DirtyBitmap.create(IOVA, SIZE)
      await expect(space.reportDirty(bitmap)).rejects.toMatchObject({ code: 'EINVAL' })
      expect(bitmap.dirtyPages).toBe(PAGES) // who could not ask must assume the worst
      bitmap.clear()
      await test.dmaWrite(IOVA, PAGE, 1)
      await space.startDirtyTracking()
      // Bytes 0x5064 to 0x7063: pages 5, 6 and 7. Then the last byte of page 63 and the first of 64.
      expect(await test.dmaWrite(IOVA + 0x5064n, 0x2000, 2)).toBe(0)
      expect(await test.dmaWrite(IOVA + 0x3_ffffn, 2, 2)).toBe(0)
      expect(await test.dmaRead(IOVA + 0x2_0000n, PAGE)).toBe(0)
      expect(pagesOf(await space.reportDirty(bitmap))).toEqual([5, 6, 7, 63, 64])
      expect((await space.reportDirty(DirtyBitmap.create(IOVA, SIZE))).dirtyPages).toBe(0)
      expect(await test.dmaWrite(IOVA + 0x7_f000n, 1, 2)).toBe(0)
      const last = DirtyBitmap.create(IOVA, SIZE)
      await mapping.unmap({ dirty: last })
      expect(pagesOf(last)).toEqual([127])
      await space.stopDirtyTracking()
    })

    it('reports in larger pages, and of mappings far apart', async () => {
      await using bench = await Bench.of(backend)
      const { space, buffer, test } = bench
      await space.map(buffer, { iova: IOVA, length: 16 * PAGE })
      await space.map(buffer, { iova: IOVA + 0x1_0000_0000n, length: 16 * PAGE })
      await space.startDirtyTracking()
      expect(await test.dmaWrite(IOVA + 0x3000n, 1, 1)).toBe(0)
      expect(await test.dmaWrite(IOVA + 0x1_0000_8000n, 1, 1)).toBe(0)
      const bitmap = await space.reportDirty(DirtyBitmap.create(IOVA, 0x1_0001_0000n, 0x4000))
      expect([...bitmap.runs()]).toEqual([
        { iova: IOVA, length: 0x4000n },
        { iova: IOVA + 0x1_0000_8000n, length: 0x4000n },
      ])
      const half = DirtyBitmap.create(IOVA, 8 * PAGE)
      await expect(space.reportDirty(half)).rejects.toMatchObject({ code: 'EINVAL' })
    })
  }

  if (backend.dmaLog ?? backend.protocol === 'v2') {
    it('its own log has exactly what it wrote, within its ranges', async () => {
      await using bench = await Bench.of(backend)
      const { test, device } = bench
      await bench.space.map(bench.buffer, { iova: IOVA })
      const range = { iova: IOVA, length: BigInt(SIZE / 2) }
      expect(await device.dmaLog.start([range], PAGE)).toBe(BigInt(PAGE))
      // One log at a time, say all, in different words: mlx5 as here, pds as EEXIST, a server that is asked by message as EBUSY.
      const again = device.dmaLog.start([range], PAGE)
      await expect(again).rejects.toMatchObject({ code: expect.stringMatching(/^(?:EINVAL|EEXIST|EBUSY)$/) })
      expect(await test.dmaWrite(IOVA + 0x5064n, 0x2000, 2)).toBe(0)
      expect(await test.dmaWrite(IOVA + 0x3_f000n, 0x2000, 2)).toBe(0) // page 63, and 64 out of range
      expect(await test.dmaRead(IOVA + 0x2_0000n, PAGE)).toBe(0)
      const bitmap = await device.dmaLog.report(DirtyBitmap.create(IOVA, SIZE / 2))
      expect(pagesOf(bitmap)).toEqual([5, 6, 7, 63])
      expect((await device.dmaLog.report(DirtyBitmap.create(IOVA, SIZE / 2))).dirtyPages).toBe(0)
      await device.dmaLog.stop()
      await expect(device.dmaLog.report(bitmap)).rejects.toMatchObject({ code: 'EINVAL' })
      expect(bitmap.dirtyPages).toBe(PAGES / 2)
    })
  }

  if (backend.protocol === 'v1' && backend.dmaLog !== true) {
    it('has no log of its own', async () => {
      await using device = await backend.open()
      const started = device.dmaLog.start([{ iova: IOVA, length: BigInt(PAGE) }])
      await expect(started).rejects.toMatchObject({ code: 'ENOTTY' })
    })
  }
}
