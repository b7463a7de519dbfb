// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { dataPathRows, forMarkdown, overviewRows } from '../../../bench/support/tables.mjs'

const figures = {
  gibPerSecond: { median: 4, low: 3.5, high: 4.25, n: 7 },
  cpuSecondsPerGib: { median: 0.25 },
  peakKiB: 2048,
}
const rows = [
  { source: 'v2', sink: 'null', results: { pipe: figures, calls: { broken: 'it ended\nwith a stack' } } },
  { source: 'v1-mapped', sink: 'unix', results: { pipe: figures } },
]

describe('the tables of the benchmark', () => {
  it('show quartiles, and of a contender that broke why', () => {
    const { body } = dataPathRows(rows)
    expect(body[0]).toContain('4.00 (3.50–4.25)')
    expect(body[1]?.join(' ')).toContain('not measured: it ended')
    expect(body.flat().join('')).not.toContain('stack')
  })

  it('leave a column out that nobody has a figure for', () => {
    const { head, body } = overviewRows(rows)
    expect(head).toEqual(['source', 'sink', 'pipeTo, raw'])
    expect(body).toEqual([
      ['v2', '/dev/null', '4.00'],
      ['v1-mapped', 'UNIX socket', '4.00'],
    ])
  })

  it('have as many cells in each row of Markdown as columns', () => {
    const lines = forMarkdown(dataPathRows(rows)).split('\n')
    expect(new Set(lines.map((line: string) => line.split('|').length)).size).toBe(1)
  })
})
