// SPDX-License-Identifier: MIT
// How many scenarios ran, by dimension.
import type { Trial } from './trial.js'

/** Plain data. */
export interface Tally {
  readonly counted: number
  /** Scenarios in which what was to go wrong did not. */
  readonly spared: number
  /** By dimension, then by value. */
  readonly dimensions: Readonly<Record<string, Readonly<Record<string, number>>>>
}

export function tallyOf(trials: readonly Trial[]): Tally {
  const dimensions: Record<string, Record<string, number>> = {}
  const count = (dimension: string, value: string): void => {
    dimensions[dimension] ??= {}
    const values = dimensions[dimension]
    values[value] = (values[value] ?? 0) + 1
  }
  const struck = trials.filter((trial) => trial.struck)
  for (const { scenario, outcome } of struck) {
    count('device', scenario.subject.name)
    count('side', scenario.side)
    count('operation', scenario.operation)
    count('way', scenario.way)
    count('outcome', outcome)
  }
  return { counted: struck.length, spared: trials.length - struck.length, dimensions }
}

export function sumOf(tallies: readonly Tally[]): Tally {
  const dimensions: Record<string, Record<string, number>> = {}
  for (const tally of tallies) {
    for (const [dimension, values] of Object.entries(tally.dimensions)) {
      dimensions[dimension] ??= {}
      const sums = dimensions[dimension]
      for (const [value, times] of Object.entries(values)) sums[value] = (sums[value] ?? 0) + times
    }
  }
  const sum = (of: (tally: Tally) => number): number => tallies.reduce((total, tally) => total + of(tally), 0)
  return { counted: sum((one) => one.counted), spared: sum((one) => one.spared), dimensions }
}

/** For a terminal. */
export function printed({ counted, spared, dimensions }: Tally, width = 100): string {
  const lines = [
    `failure matrix: ${counted} cases in which the fault struck, ${spared} in which it did not (not counted)`,
  ]
  for (const [dimension, values] of Object.entries(dimensions)) {
    const cells = Object.entries(values)
      .sort(([, a], [, b]) => b - a)
      .map(([value, times]) => `${value} ${times}`)
    let line = `  ${dimension.padEnd(10)}`
    for (const [at, cell] of cells.entries()) {
      const piece = at === cells.length - 1 ? cell : `${cell}, `
      if (line.length + piece.length > width && line.trim() !== '') {
        lines.push(line.trimEnd())
        line = ' '.repeat(12)
      }
      line += piece
    }
    lines.push(line.trimEnd())
  }
  return lines.join('\n')
}
