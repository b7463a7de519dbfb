// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { DirtyBitmap } from '../../../lib/index.js'

const IOVA = 0x8000_0000_0000_0000n

it('counts pages and bytes, and knows each address', () => {
  const bitmap = DirtyBitmap.create(IOVA, 0x10_0000)
  expect([bitmap.dirtyPages, bitmap.dirtyBytes]).toEqual([0, 0n])
  bitmap.mark(IOVA + 0x1fffn, 2)
  expect([bitmap.dirtyPages, bitmap.dirtyBytes]).toEqual([2, 8192n])
  expect([0xfffn, 0x1000n, 0x2fffn, 0x3000n].map((at) => bitmap.isDirty(IOVA + at))).toEqual([
    false,
    true,
    true,
    false,
  ])
  expect([bitmap.isDirty(IOVA - 1n), bitmap.isDirty(IOVA + 0x10_0000n)]).toEqual([false, false])
  bitmap.clear()
  expect(bitmap.dirtyPages).toBe(0)
})

it('reaches to the end of the address space', () => {
  const bitmap = DirtyBitmap.create(2n ** 64n - 8192n, 8192)
  bitmap.markAll()
  expect([...bitmap.runs()]).toEqual([{ iova: 2n ** 64n - 8192n, length: 8192n }])
})

it('yields more runs than one batch holds', () => {
  const bitmap = DirtyBitmap.create(0n, 4096 * 5000)
  for (let page = 0; page < 5000; page += 2) bitmap.mark(BigInt(page * 4096), 1)
  const runs = [...bitmap.runs()]
  expect(runs.length).toBe(2500)
  expect(runs.every(({ iova, length }, at) => iova === BigInt(at * 8192) && length === 4096n)).toBe(true)
})

it('refuses stretches that are not whole pages', () => {
  for (const [iova, length, pageSize] of [
    [1n, 4096, 4096],
    [0n, 4097, 4096],
    [0n, 0, 4096],
    [0n, 12_288, 12_288],
    [2n ** 64n - 4096n, 8192, 4096],
  ] as const) {
    expect(() => DirtyBitmap.create(iova, length, pageSize)).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_MALFORMED' }),
    )
  }
  expect(() => DirtyBitmap.create(-1n, 4096)).toThrow(RangeError)
})

it('merging is the union of the addresses, rounded to the larger pages', () => {
  const marks = fc.array(fc.tuple(fc.nat(255), fc.integer({ min: 1, max: 9 })), { maxLength: 8 })
  fc.assert(
    fc.property(marks, marks, fc.constantFrom(1, 2, 8), (ours, theirs, scale) => {
      const one = DirtyBitmap.create(0n, 256 * 4096)
      const other = DirtyBitmap.create(0n, 256 * 4096, 4096 * scale)
      for (const [page, count] of ours) one.mark(BigInt(page * 4096), count * 4096)
      for (const [page, count] of theirs) other.mark(BigInt(page * 4096), count * 4096)
      const expected = Array.from({ length: 256 }, (_, page) => {
        const at = BigInt(page * 4096)
        return one.isDirty(at) || other.isDirty(at)
      })
      one.merge(other)
      expect(Array.from({ length: 256 }, (_, page) => one.isDirty(BigInt(page * 4096)))).toEqual(expected)
    }),
  )
})
