// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { expect, it } from 'vitest'
import { decodeRecords, FRAME, RecordFrame } from '../../../lib/memory/memory-records.js'

const PAGE = 4096

const pages = fc.array(fc.integer({ min: 0, max: 3 }), { minLength: 1, maxLength: 12 })

it('what is put into a frame comes out of it, zeros or not', () => {
  fc.assert(
    fc.property(fc.array(pages, { minLength: 1, maxLength: 6 }), (stretches) => {
      const frame = new RecordFrame()
      const expected = new Map<bigint, number>()
      for (const [at, contents] of stretches.entries()) {
        const iova = BigInt(at) * 2n ** 40n
        const room = frame.add(iova, BigInt(contents.length * PAGE))
        expect(room?.room.byteLength).toBe(contents.length * PAGE)
        for (const [page, value] of contents.entries()) {
          // Its last byte alone decides.
          room?.room.fill(0, page * PAGE, (page + 1) * PAGE)
          room?.room.fill(value, (page + 1) * PAGE - 1, (page + 1) * PAGE)
          expected.set(iova + BigInt(page * PAGE), value)
        }
      }
      const found = new Map<bigint, number>()
      let zeros = 0
      const payload = frame.payload()
      for (const { iova, length, pages: bytes } of decodeRecords(payload)) {
        for (let at = 0n; at < length; at += BigInt(PAGE)) {
          found.set(iova + at, bytes?.[Number(at) + PAGE - 1] ?? 0)
          expect(bytes === undefined || bytes[Number(at)] === 0).toBe(true)
          if (bytes === undefined) zeros++
        }
      }
      expect(found).toEqual(expected)
      expect(zeros).toBe([...expected.values()].filter((value) => value === 0).length)
    }),
    { numRuns: 50 },
  )
})

it('is full when no page fits any more, and never longer than a reader takes', () => {
  const frame = new RecordFrame()
  let count = 0
  for (let iova = 0n; ; iova += 2n * BigInt(PAGE)) {
    const room = frame.add(iova, BigInt(PAGE))
    if (room === undefined) break
    room.room.fill(1)
    count++
  }
  expect(count).toBe(256)
  expect(frame.payload().byteLength).toBeLessThanOrEqual(FRAME)
  expect(frame.memoryBytes).toBe(256 * PAGE)
  frame.clear()
  expect(frame.add(0n, 2n ** 50n)?.room.byteLength).toBe(2 ** 20)
})
