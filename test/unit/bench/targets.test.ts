// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { ratios, verdicts } from '../../../bench/targets.mjs'

interface Verdict {
  readonly what: string
  readonly figure: number | undefined
  readonly verdict: string
}

const contender = (speed: number, cpu = 1) => ({
  gibPerSecond: { median: speed },
  cpuSecondsPerGib: { median: cpu },
})

const row = (results: Record<string, unknown>, sink = 'null') => ({ source: 'v2', sink, results })

function verdictOf(results: Parameters<typeof verdicts>[0], what: string): Verdict {
  const found = (verdicts(results) as Verdict[]).find((verdict) => verdict.what.startsWith(what))
  if (found === undefined) throw new Error(`no target named ${what}`)
  return found
}

describe('the targets of the benchmark', () => {
  it.each([
    [9.7, 'pass'],
    [9.3, 'in the noise'],
    [8, 'miss'],
  ])('judge %d against 10 with an A/A row that differs by 5 %%: %s', (speed, verdict) => {
    const dataPath = [
      row({ pipe: contender(speed), best: contender(10), 'best-again': contender(10 / 1.05) }),
    ]
    expect(verdictOf({ dataPath }, 'pipeTo / best C, v2').verdict).toBe(verdict)
  })

  it('judge processor time from above', () => {
    const dataPath = [row({ pipe: contender(10, 1.2), best: contender(10, 1) })]
    expect(verdictOf({ dataPath }, 'pipeTo / best C, processor time').verdict).toBe('miss')
  })

  it('say of what was not measured, or broke, that it was not', () => {
    const dataPath = [row({ pipe: contender(10), best: { broken: 'no memory' } })]
    expect(verdictOf({ dataPath }, 'pipeTo / best C, v2')).toMatchObject({
      verdict: 'not measured',
      figure: undefined,
    })
    expect((verdicts({}) as Verdict[]).every(({ verdict }) => verdict === 'not measured')).toBe(true)
  })

  it('ask more of a socket than of /dev/null against the serial loop', () => {
    const results = { pipe: contender(12), serial: contender(10) }
    expect(verdictOf({ dataPath: [row(results)] }, 'pipeTo / serial C').verdict).toBe('pass')
    expect(verdictOf({ dataPath: [row(results, 'unix')] }, 'pipeTo / serial C').verdict).toBe('miss')
  })

  it('pass no verdict on a machine that they do not speak of', () => {
    const judged = ratios([row({ pipe: contender(1), best: contender(10) })]) as Verdict[]
    const [first] = judged
    expect(first).toMatchObject({ figure: 0.1, verdict: '' })
  })
})
