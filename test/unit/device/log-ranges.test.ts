// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { logRanges } from '../../../lib/device/log-ranges.js'

it('covers what is mapped, in whole pages', () => {
  expect(logRanges([{ first: 0x1800n, last: 0x2fffn }], 0x1000n)).toEqual([
    { iova: 0x1000n, length: 0x2000n },
  ])
})

it('joins what touches once it is rounded', () => {
  const mapped = [
    { first: 0x1000n, last: 0x1fffn },
    { first: 0x4000n, last: 0x4fffn },
    { first: 0x20000n, last: 0x20fffn },
  ]
  expect(logRanges(mapped, 0x10000n)).toEqual([
    { iova: 0n, length: 0x10000n },
    { iova: 0x20000n, length: 0x10000n },
  ])
})

it('gives up the narrowest gaps where there are too many ranges', () => {
  const mapped = [0x0n, 0x10000n, 0x12000n, 0x40000n].map((first) => ({ first, last: first + 0xfffn }))
  expect(logRanges(mapped, 0x1000n, 3)).toEqual([
    { iova: 0x0n, length: 0x1000n },
    { iova: 0x10000n, length: 0x3000n },
    { iova: 0x40000n, length: 0x1000n },
  ])
  expect(logRanges(mapped, 0x1000n, 1)).toEqual([{ iova: 0n, length: 0x41000n }])
})

it('covers nothing where nothing is mapped', () => {
  expect(logRanges([], 0x1000n)).toEqual([])
})
