// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { barChart } from '../../../bench/support/chart.mjs'

const widths = (svg: string) =>
  [...svg.matchAll(/<rect [^>]*width="([\d.]+)" height="11"/g)].map(([, width]) => Number(width))

describe('a chart of bars', () => {
  const svg = barChart({
    title: 'Speed <of> a & b',
    unit: 'GiB/s',
    groups: [
      {
        name: 'one',
        bars: [
          { name: 'ours', value: 4, low: 3, high: 5 },
          { name: 'theirs', value: 2 },
        ],
      },
      { name: 'two', bars: [{ name: 'ours', value: 1 }] },
    ],
  })

  it('has bars in proportion', () => {
    const [first = 0, second = 0, third = 0] = widths(svg)
    expect(first / second).toBeCloseTo(2, 2)
    expect(first / third).toBeCloseTo(4, 1)
  })

  it('leaves room for the largest figure and its quartile', () => {
    const ends = [...svg.matchAll(/x2="([\d.]+)"/g)].map(([, end]) => Number(end))
    expect(Math.max(...ends)).toBeLessThanOrEqual(860 - 90)
  })

  it('names each contender once, and escapes what would be markup', () => {
    expect(svg.match(/>ours</g)).toHaveLength(1)
    expect(svg).toContain('Speed &lt;of> a &amp; b')
  })

  it('draws nothing of nothing', () => {
    expect(widths(barChart({ title: 'Empty', unit: 's', groups: [] }))).toEqual([])
  })
})
