// SPDX-License-Identifier: MIT
// Every interleaving of loss, repetition, reordering, crash and time-out, for the reducers that run and for broken ones.
import { describe, expect, it } from 'vitest'
import { send, stay, write } from '../../../lib/commit/step.js'
import { broken, mustSettle, settle } from './guarantees.js'
import { beginning, moves, product, type Reducers, type World } from './world.js'

interface Exploration {
  readonly states: number
  readonly settled: number
  readonly violation: string | undefined
}

/** `only`: looks for violations of this guarantee alone, so that a mutant is caught by the one it is meant for. */
function explore(reducers: Reducers, only = ''): Exploration {
  const seen = new Set<string>()
  const cameBy = new Map<string, readonly [string, string] | undefined>()
  const first = beginning()
  const queue: World[] = [first]
  cameBy.set(JSON.stringify(first), undefined)
  let settled = 0
  const story = (key: string): string => {
    const steps: string[] = []
    for (let at: string | undefined = key; at !== undefined; ) {
      const step: readonly [string, string] | undefined = cameBy.get(at)
      if (step) steps.push(step[0])
      at = step?.[1]
    }
    return steps.reverse().join('\n  ')
  }
  for (let world = queue.shift(); world !== undefined; world = queue.shift()) {
    const key = JSON.stringify(world)
    if (seen.has(key)) continue
    seen.add(key)
    const wrong = broken(world)
    if (wrong?.startsWith(only)) return { states: seen.size, settled, violation: `${wrong}\n  ${story(key)}` }
    if ('G5'.startsWith(only) && mustSettle(world)) {
      settled++
      const unsettled = settle(world, reducers)
      if (unsettled) return { states: seen.size, settled, violation: `${unsettled}\n  ${story(key)}` }
    }
    for (const { name, world: next } of moves(world, reducers)) {
      const nextKey = JSON.stringify(next)
      if (!cameBy.has(nextKey)) {
        cameBy.set(nextKey, [name, key])
        queue.push(next)
      }
    }
  }
  return { states: seen.size, settled, violation: undefined }
}

describe('the commit protocol', () => {
  it('keeps its guarantees in every state that can be reached', { timeout: 120_000 }, () => {
    const { states, settled, violation } = explore(product)
    console.log(
      `commit protocol: ${states} states, ${settled} of them settled fairly, violation: ${violation ?? 'none'}`,
    )
    expect(violation).toBeUndefined()
    expect(states).toBeGreaterThan(1000)
  })

  const mutants: readonly (readonly [string, string, Partial<Reducers>])[] = [
    [
      'sends its commit before it is written',
      'G1',
      {
        sourceStep: (state, event) =>
          state === 'waiting' && event.kind === 'message' && event.message === 'loaded'
            ? stay('committed', send('commit'), write('committed'))
            : product.sourceStep(state, event),
      },
    ],
    [
      'runs again when it hears nothing after its commit',
      'G1',
      {
        sourceStep: (state, event) =>
          state === 'committed' && event.kind === 'silence'
            ? product.sourceStep('waiting', event)
            : product.sourceStep(state, event),
      },
    ],
    [
      'forgets its commit when it comes back',
      'G1',
      {
        recoverSource: (records, holding) =>
          product.recoverSource(
            records.filter((record) => record !== 'committed'),
            holding,
          ),
      },
    ],
    [
      'gives a loaded copy up after a time-out',
      'G3',
      {
        destinationStep: (state, event) =>
          state === 'loaded' && event.kind === 'silence'
            ? product.destinationStep('receiving', event)
            : product.destinationStep(state, event),
      },
    ],
    [
      'runs before its commit is written',
      'G1',
      {
        destinationStep: (state, event) => {
          const step = product.destinationStep(state, event)
          return step.state === 'starting' && step.effects.length === 2
            ? { state: step.state, effects: [...step.effects].reverse() }
            : step
        },
      },
    ],
    [
      'says that it aborted before that is written',
      'G1',
      {
        destinationStep: (state, event) => {
          const step = product.destinationStep(state, event)
          return step.state === 'aborted' ? { ...step, effects: [...step.effects].reverse() } : step
        },
      },
    ],
    [
      'does not say again that it runs',
      'G5',
      {
        destinationStep: (state, event) =>
          state === 'running' ? stay(state) : product.destinationStep(state, event),
        recoverDestination: (records, holding) =>
          records.includes('running') ? stay('running') : product.recoverDestination(records, holding),
      },
    ],
    [
      'tells of its abort although its devices did not run again',
      'G6',
      {
        sourceStep: (state, event) =>
          event.kind === 'run-failed' ? stay(state, send('abort')) : product.sourceStep(state, event),
      },
    ],
    [
      'aborts the last copy after the source lost its own',
      'G6',
      {
        recoverSource: (records, holding) =>
          holding === 'lost' && !records.includes('committed')
            ? product.recoverSource(records, 'held')
            : product.recoverSource(records, holding),
      },
    ],
  ]
  it.each(mutants)('catches an engine that %s', (_name, guarantee, mutation) => {
    const { violation } = explore({ ...product, ...mutation }, guarantee)
    expect(violation).toMatch(new RegExp(`^${guarantee}`))
  })
})
