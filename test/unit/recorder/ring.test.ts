// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { ChunkEvent } from '../../../lib/diagnostics/events.js'
import { ChunkRing } from '../../../lib/recorder/chunk-ring.js'
import { Ring } from '../../../lib/recorder/ring.js'

describe('a ring', () => {
  it('keeps the youngest in order and counts the others', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 9 }),
        fc.array(fc.integer(), { maxLength: 40 }),
        (capacity, all) => {
          const ring = new Ring<number>(capacity)
          for (const item of all) ring.add(item)
          expect([...ring]).toEqual(all.slice(-capacity))
          expect(ring.dropped).toBe(Math.max(0, all.length - capacity))
        },
      ),
    )
  })

  it('keeps what is falsy', () => {
    const ring = new Ring<number | undefined>(3)
    ring.add(0)
    ring.add(undefined)
    expect([...ring]).toEqual([0, undefined])
  })
})

function chunk(number: number, error?: string): ChunkEvent {
  return {
    kind: 'chunk',
    ns: BigInt(number),
    device: 'a',
    handle: number % 3,
    direction: number % 2 === 0 ? 'out' : 'in',
    bytes: number * 10,
    durationNs: 5n,
    deviceNs: 2n,
    ...(error === undefined ? {} : { error }),
  }
}

describe('a ring of chunks', () => {
  it('yields what was put in, as far as it fits', () => {
    const ring = new ChunkRing(4)
    for (let number = 1; number <= 6; number++) ring.add(chunk(number), number)
    expect([...ring]).toEqual(
      [3, 4, 5, 6].map((number) => ({
        handle: number % 3,
        direction: number % 2 === 0 ? 'out' : 'in',
        ns: number,
        durationNs: 5,
        deviceNs: 2,
        bytes: number * 10,
        error: undefined,
      })),
    )
    expect(ring.dropped).toBe(2)
  })

  it('forgets a failure with its chunk', () => {
    const ring = new ChunkRing(2)
    ring.add(chunk(1, 'EIO'), 1)
    expect([...ring].map(({ error }) => error)).toEqual(['EIO'])
    ring.add(chunk(2), 2)
    ring.add(chunk(3), 3)
    expect([...ring].map(({ error }) => error)).toEqual([undefined, undefined])
  })
})
