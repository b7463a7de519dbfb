// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { runAll } from './batch.js'
import { deviceScenarios } from './device-scenarios.js'
import { record } from './recording.js'
import { plain } from './subject.js'
import { printed } from './tally.js'

describe.each(plain.map((subject) => [subject.name, subject] as const))('%s', (_, subject) => {
  it('survives every failure of its devices', async () => {
    const scenarios = deviceScenarios(subject, await record(subject))
    const only = process.env.VFM_MATRIX_ONLY
    const from = Number(process.env.VFM_MATRIX_FROM ?? 0)
    const to = Number(process.env.VFM_MATRIX_TO ?? 1e9)
    const began = performance.now()
    const { tally, problems } = await runAll(scenarios.slice(from, to).map((scenario) => ({ scenario })))
    console.log(printed(tally), only, `${scenarios.length} in all, ${performance.now() - began} ms`)
    expect(problems).toEqual([])
  }, 600_000)
})
