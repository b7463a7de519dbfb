// SPDX-License-Identifier: MIT
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { stateNames } from '../../../lib/migration/state.js'
import { hasState, nextState, numberOfState, route, stateOfNumber } from '../../../lib/migration/v2/arcs.js'
import { failedHop } from '../../../lib/migration/v2/protocol.js'

// The kernel's rule once more, from numbers and written another way than the library's: rows and columns in the order of the uAPI
// (ERROR STOP RUNNING STOP_COPY RESUMING RUNNING_P2P PRE_COPY PRE_COPY_P2P), 0 for "refused".
const STOP = 1
const RUNNING = 2
const SAVE = 3
const RESUME = 4
const RUNNING_P2P = 5
const PRE = 6
const PRE_P2P = 7
const hops = [
  [0, 0, 0, 0, 0, 0, 0, 0],
  [0, STOP, RUNNING_P2P, SAVE, RESUME, RUNNING_P2P, RUNNING_P2P, RUNNING_P2P],
  [0, RUNNING_P2P, RUNNING, RUNNING_P2P, RUNNING_P2P, RUNNING_P2P, PRE, RUNNING_P2P],
  [0, STOP, STOP, SAVE, STOP, STOP, 0, 0],
  [0, STOP, STOP, STOP, RESUME, STOP, STOP, STOP],
  [0, STOP, RUNNING, STOP, STOP, RUNNING_P2P, RUNNING, PRE_P2P],
  [0, RUNNING, RUNNING, PRE_P2P, RUNNING, RUNNING, PRE, PRE_P2P],
  [0, RUNNING_P2P, RUNNING_P2P, SAVE, RUNNING_P2P, RUNNING_P2P, PRE, PRE_P2P],
]
const required = [~0, 1, 1, 1, 1, 3, 5, 7]

function kernelHop(from: number, to: number, flags: number): number {
  const lacks = (state: number): boolean => ((required[state] as number) & flags) !== required[state]
  if (lacks(from) || lacks(to)) return 0
  let hop = hops[from]?.[to] as number
  while (hop !== 0 && lacks(hop)) hop = hops[hop]?.[to] as number
  return hop
}

// STOP_COPY is always there; 8 stands for a bit of the future.
const allFlags = [1, 3, 5, 7, 9, 15]

describe.each(allFlags)('with capability flags %i', (flags) => {
  for (let from = 0; from < 8; from++) {
    for (let to = 0; to < 8; to++) {
      const [left, asked] = [stateOfNumber(from), stateOfNumber(to)]
      it(`${left} to ${asked} begins as in the kernel`, () => {
        const hop = kernelHop(from, to, flags)
        expect(nextState(left, asked, BigInt(flags))).toBe(hop === 0 ? undefined : stateOfNumber(hop))
      })

      it(`${left} to ${asked} walks supported states to its end`, () => {
        const path = route(left, asked, BigInt(flags))
        if (kernelHop(from, to, flags) === 0) {
          expect(path).toBeUndefined()
          return
        }
        expect(path?.[0]).toBe(left)
        expect(path?.at(-1)).toBe(asked)
        for (let at = 1; at < (path?.length ?? 0); at++) {
          const entered = path?.[at] as string
          expect(hasState(entered as 'stop', BigInt(flags))).toBe(true)
          const before = numberOfState(path?.[at - 1] as 'stop')
          expect(stateOfNumber(kernelHop(before, to, flags))).toBe(entered)
        }
      })
    }
  }
})

it('a walk never leaves the saving group and comes back', () => {
  const saving = new Set(['pre-copy', 'pre-copy-p2p', 'stop-copy'])
  fc.assert(
    fc.property(
      fc.constantFrom(...stateNames),
      fc.constantFrom(...stateNames),
      fc.constantFrom(...allFlags),
      (from, to, flags) => {
        const inside = (route(from, to, BigInt(flags)) ?? []).map((state) => saving.has(state))
        const borders = inside.filter((value, at) => at > 0 && value !== inside[at - 1]).length
        expect(borders).toBeLessThanOrEqual(1)
      },
    ),
  )
})

it('numbers and names agree with the uAPI, and newer numbers stay numbers', () => {
  expect(stateNames.map(numberOfState)).toEqual([0, 1, 2, 3, 4, 5, 6, 7])
  expect(stateOfNumber(6)).toBe('pre-copy')
  expect(stateOfNumber(42)).toBe('unknown-42')
})

describe('the hop that failed', () => {
  const path = ['running', 'running-p2p', 'stop', 'stop-copy'] as const
  it('begins where the device was found', () => {
    expect(failedHop(path, 'running')).toEqual(['running', 'running-p2p'])
    expect(failedHop(path, 'stop')).toEqual(['stop', 'stop-copy'])
  })
  it('is the last one when the state was entered without a session', () => {
    expect(failedHop(path, 'stop-copy')).toEqual(['stop', 'stop-copy'])
  })
  it('is the whole way when nobody can tell', () => {
    expect(failedHop(path, 'error')).toEqual(['running', 'stop-copy'])
    expect(failedHop(path, 'unknown')).toEqual(['running', 'stop-copy'])
  })
})
