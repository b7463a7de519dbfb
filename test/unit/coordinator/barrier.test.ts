// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { Barrier } from '../../../lib/coordinator/barrier.js'

const settled = async (...promises: Promise<void>[]): Promise<string[]> => {
  const states = promises.map(() => 'waiting')
  promises.forEach((promise, index) => {
    promise.then(
      () => {
        states[index] = 'passed'
      },
      () => {
        states[index] = 'failed'
      },
    )
  })
  await new Promise((resolve) => setImmediate(resolve))
  return states
}

describe('a barrier', () => {
  it('lets nobody pass before all are there', async () => {
    const barrier = new Barrier(3)
    const [first, second] = [barrier.arrive(0), barrier.arrive(1)]
    expect(await settled(first, second)).toEqual(['waiting', 'waiting'])
    expect(await settled(first, second, barrier.arrive(2))).toEqual(['passed', 'passed', 'passed'])
  })

  it('does not wait for who has left, however often that is said', async () => {
    const barrier = new Barrier(3)
    const first = barrier.arrive(0)
    barrier.leave(1)
    barrier.leave(1)
    expect(await settled(first)).toEqual(['waiting'])
    barrier.leave(2)
    expect(await settled(first)).toEqual(['passed'])
  })

  it('that failed lets nobody pass, not even who comes later', async () => {
    const barrier = new Barrier(2)
    const first = barrier.arrive(0)
    barrier.fail(new Error('no'))
    expect(await settled(first, barrier.arrive(1))).toEqual(['failed', 'failed'])
  })

  it('that was passed cannot fail any more', async () => {
    const barrier = new Barrier(1)
    await barrier.arrive(0)
    barrier.fail(new Error('no'))
    expect(await settled(barrier.arrive(0))).toEqual(['passed'])
  })
})
