// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { median, quantile, rotated, summary } from '../../../bench/support/statistics.mjs'

const figures = fc.array(fc.double({ noNaN: true, min: -1e9, max: 1e9 }), { minLength: 1, maxLength: 50 })

describe('the statistics of a benchmark', () => {
  it('takes the middle of an odd number of figures, and between the two middle ones of an even', () => {
    expect(median([9, 1, 5])).toBe(5)
    expect(median([4, 1, 3, 2])).toBe(2.5)
  })

  it('interpolates quartiles', () => {
    expect(summary([1, 2, 3, 4, 5])).toEqual({ median: 3, low: 2, high: 4, n: 5 })
    expect(quantile([10, 20], 0.25)).toBe(12.5)
  })

  it('leaves the figures in their order, and stays between the least and the largest', () => {
    fc.assert(
      fc.property(figures, fc.double({ min: 0, max: 1, noNaN: true }), (numbers, part) => {
        const before = [...numbers]
        const value = quantile(numbers, part)
        expect(numbers).toEqual(before)
        expect(value).toBeGreaterThanOrEqual(Math.min(...numbers))
        expect(value).toBeLessThanOrEqual(Math.max(...numbers))
      }),
    )
  })

  it('lets each contender begin once in as many turns as there are contenders', () => {
    const list = ['a', 'b', 'c']
    expect([0, 1, 2, 3].map((turn) => rotated(list, turn).join(''))).toEqual(['abc', 'bca', 'cab', 'abc'])
    expect(rotated([], 3)).toEqual([])
  })
})
