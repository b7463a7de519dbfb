// SPDX-License-Identifier: MIT
// A test for each row of the matrix; what ran is added up over all files (summary.ts).
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { afterAll, describe, expect, inject, it } from 'vitest'
import { type BatchOptions, runAll, type Wired } from './batch.js'
import { sumOf, type Tally } from './tally.js'

/** Milliseconds for one row, on a machine that does other things beside. */
const ROW_WITHIN = 300_000

export interface Row extends BatchOptions {
  readonly name: string
  readonly scenarios: () => Promise<readonly Wired[]>
}

/** @param file of the test, for the summary */
export function failureMatrix(file: string, title: string, rows: readonly Row[]): void {
  const tallies: Tally[] = []
  describe(title, () => {
    for (const { name, scenarios, ...options } of rows) {
      it(name, { timeout: ROW_WITHIN }, async () => {
        const { tally, problems } = await runAll(slice(await scenarios()), options)
        tallies.push(tally)
        expect(problems).toEqual([])
        expect(tally.counted).toBeGreaterThan(0)
      })
    }
  })
  afterAll(async () => {
    await writeFile(join(inject('matrixTallies'), `${file}.json`), JSON.stringify(sumOf(tallies)))
  })
}

/** For whoever looks into one of them: VFM_MATRIX=from:to runs these scenarios of each row only. */
function slice(scenarios: readonly Wired[]): readonly Wired[] {
  const [from, to] = (process.env.VFM_MATRIX ?? '').split(':').map(Number)
  return from === undefined || to === undefined ? scenarios : scenarios.slice(from, to)
}
