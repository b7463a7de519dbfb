// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { expect, it } from 'vitest'
import type { DirtyRound, DirtyRun } from '../../../lib/index.js'
import { DirtyRounds } from '../../../lib/memory/dirty-rounds.js'
import { joined, partsWithin } from '../../../lib/memory/memory-layout.js'
import { MemoryTrackers } from '../../../lib/memory/memory-trackers.js'
import { DmaBench, IOVA, PAGE } from './bench.js'

const MIB = 2 ** 20
const SIZES = [40 * MIB, MIB]

/** The pages of runs, counted from the first one. */
const pagesOf = (runs: Iterable<DirtyRun>): number[] =>
  [...runs].flatMap(({ iova, length }) =>
    Array.from({ length: Number(length) / PAGE }, (_, page) => Number(iova - IOVA) / PAGE + page),
  )

async function withRounds(body: (bench: DmaBench, rounds: DirtyRounds) => Promise<void>): Promise<void> {
  await using bench = await DmaBench.of('sim:v2,state=1MiB', SIZES)
  const { ranges } = bench.memory
  const trackers = await MemoryTrackers.of([bench.device], ranges)
  await trackers.start()
  await body(bench, new DirtyRounds(trackers, ranges))
  expect(await trackers.stop()).toEqual([])
}

const write = async (bench: DmaBench, page: number): Promise<void> => {
  expect(await bench.test.dmaWrite(IOVA + BigInt(page * PAGE), 1, 1)).toBe(0)
}

it('the first round names everything in pieces, the next ones what was written', async () => {
  await withRounds(async (bench, rounds) => {
    const first = await rounds.next(false)
    expect([first.round, first.dirtyBytes, rounds.left]).toEqual([1, 41 * MIB, 41 * MIB])
    const pieces = [...first.runs]
    expect(pieces.map(({ length }) => Number(length) / MIB)).toEqual([16, 16, 8, 1])
    expect(joined(pieces)).toEqual(bench.memory.ranges)
    expect(rounds.left).toBe(0)
    await write(bench, 3)
    await write(bench, 10_300) // of the second buffer
    const second = await rounds.next(false)
    expect([second.dirtyBytes, second.complete]).toEqual([2 * PAGE, true])
    expect(pagesOf(second.runs)).toEqual([3, 10_300])
    expect(pagesOf((await rounds.next(true)).runs)).toEqual([])
  })
})

it('a round that is cut leaves its rest to the next one, with what was written meanwhile', async () => {
  await withRounds(async (bench, rounds) => {
    const first = await rounds.next(false)
    const named: DirtyRun[] = []
    for (const run of first.runs) {
      named.push(run)
      if (named.length === 2) rounds.cut()
    }
    expect(named).toHaveLength(2)
    expect(rounds.left).toBe(9 * MIB)
    await write(bench, 7) // named already
    await write(bench, 9000) // not named yet
    const final = await rounds.next(true)
    expect(final.dirtyBytes).toBe(9 * MIB + PAGE)
    const rest = [...final.runs]
    expect(pagesOf(rest.slice(0, 1))).toEqual([7])
    expect(pagesOf([...named, ...rest.slice(1)])).toEqual(pagesOf(bench.memory.ranges))
    expect([...first.runs]).toEqual([])
  })
})

it('what an owner leaves out, in whichever round, is in a later one', async () => {
  await withRounds(async (bench, rounds) => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.tuple(fc.array(fc.nat(8000), { maxLength: 6 }), fc.nat(4)), { maxLength: 5 }),
        async (script) => {
          for (const _ of (await rounds.next(false)).runs);
          const owed = new Set<number>()
          const take = (round: DirtyRound, most: number): void => {
            let count = 0
            if (most === 0) return
            for (const run of round.runs) {
              for (const page of pagesOf([run])) owed.delete(page)
              if (++count >= most) return
            }
          }
          for (const [pages, most] of script) {
            for (const page of pages) {
              await write(bench, page)
              owed.add(page)
            }
            const round = await rounds.next(false)
            expect(round.dirtyBytes).toBe(owed.size * PAGE)
            take(round, most)
            expect(rounds.left).toBe(owed.size * PAGE)
          }
          take(await rounds.next(false), Number.POSITIVE_INFINITY)
          expect(owed.size).toBe(0)
        },
      ),
      { numRuns: 15 },
    )
  })
})

it('the parts of a run are where ranges and run meet', () => {
  const ranges = [
    { iova: 10n, length: 5n },
    { iova: 15n, length: 5n },
    { iova: 30n, length: 1n },
  ]
  const parts = (iova: bigint, length: bigint): bigint[][] =>
    [...partsWithin({ iova, length }, ranges)].map((part) => [part.iova, part.length])
  expect(parts(0n, 10n)).toEqual([])
  expect(parts(0n, 11n)).toEqual([[10n, 1n]])
  expect(parts(12n, 10n)).toEqual([
    [12n, 3n],
    [15n, 5n],
  ])
  expect(parts(0n, 2n ** 64n)).toEqual([
    [10n, 5n],
    [15n, 5n],
    [30n, 1n],
  ])
  expect(parts(31n, 100n)).toEqual([])
})

it('nobody who tracks is no reason to begin', async () => {
  await using bench = await DmaBench.of('sim:v2,state=1MiB,fail=dma-log-start:EBUSY', SIZES)
  const trackers = await MemoryTrackers.of([bench.device], bench.memory.ranges)
  await expect(trackers.start()).rejects.toMatchObject({ code: 'EBUSY' })
  await trackers.start()
  await trackers.stop()
})
