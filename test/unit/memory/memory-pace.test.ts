// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import type { MemoryLimits } from '../../../lib/index.js'
import { MemoryPace } from '../../../lib/memory/memory-pace.js'
import { fixedRounds, qemu, withLimits } from '../../../lib/policy/index.js'
import { snapshotOf } from '../policy/snapshots.js'

const MIB = 2 ** 20

/** Rounds of so many MiB each, at 100 MiB/s, until it is settled. @returns the round before which it was, and why */
async function settle(
  limits: MemoryLimits,
  sizes: readonly number[],
): Promise<{ round: number; settled: string | undefined }> {
  let now = 1000
  const pace = new MemoryPace(limits, () => now)
  for (const [index, size] of sizes.entries()) {
    const bytes = size * MIB
    const round = {
      round: index + 1,
      runs: [],
      dirtyBytes: bytes,
      final: false,
      complete: true,
      cause: undefined,
    }
    pace.begin(round, () => bytes)
    const { settled } = pace.snapshot
    if (settled !== undefined) return { round: index + 1, settled }
    now += 10 * size
    pace.end({ bytes, wireBytes: bytes })
    now += pace.pause
  }
  return { round: sizes.length, settled: undefined }
}

describe('the rounds of a memory', () => {
  it('go on until what is left fits into the downtime', async () => {
    const { round, settled } = await settle({ downtime: 300 }, [1000, 200, 40, 29, 5])
    expect([round, settled]).toEqual([4, expect.stringContaining('29 MiB')])
  })

  it('never end before everything was sent once', async () => {
    expect(await settle({ downtime: 1e9 }, [1000])).toMatchObject({ settled: undefined })
    expect(await settle({ downtime: 1e9 }, [1000, 1000])).toMatchObject({ round: 2 })
  })

  it.each([
    ['by their number', { rounds: 4, stalledRounds: 100 }, 5, '4 rounds'],
    ['by the time', { time: 15_000, stalledRounds: 100 }, 4, 'of rounds are over'],
    ['when they get nowhere', { stalledRounds: 3 }, 5, 'no less'],
  ])('end %s', async (_, limits, round, why) => {
    const sizes = [1000, 900, 900, 900, 900, 900, 900]
    expect(await settle(limits, sizes)).toEqual({ round, settled: expect.stringContaining(why) })
  })

  it('go on as long as they get somewhere', async () => {
    expect((await settle({}, [1000, 800, 600, 500, 400, 300, 200, 100, 20])).round).toBe(9)
  })

  it('count what others than the devices have written', () => {
    let now = 0
    const pace = new MemoryPace({ downtime: 300 }, () => now)
    const round = { runs: [], final: false, complete: true, cause: undefined }
    pace.begin({ ...round, round: 1, dirtyBytes: 100 * MIB }, () => 0)
    now = 1000
    pace.end({ bytes: 100 * MIB, wireBytes: 100 * MIB })
    pace.begin({ ...round, round: 2, dirtyBytes: MIB }, () => 0, 50 * MIB)
    expect(pace.snapshot.settled).toBeUndefined()
    pace.end({ bytes: 51 * MIB, wireBytes: 51 * MIB })
    expect(pace.snapshot.remainingBytes).toBe(51 * MIB)
    pace.begin({ ...round, round: 3, dirtyBytes: MIB }, () => 0, MIB)
    expect(pace.snapshot.settled).toContain('2 MiB')
  })

  it('have limits that are numbers', () => {
    expect(() => new MemoryPace({ downtime: -1 })).toThrow(RangeError)
    expect(() => new MemoryPace({ pause: Number.NaN })).toThrow(RangeError)
  })
})

describe('a policy for devices with memory', () => {
  const memory = {
    round: 2,
    remainingBytes: 0,
    dirtyRate: 0,
    bandwidth: 100 * MIB,
    settled: 'yes' as string | undefined,
  }

  it('counts what is left of the memory', async () => {
    const policy = qemu({ downtimeLimit: 300 })
    const devices = [snapshotOf()]
    expect(await policy({ devices, memory })).toMatchObject({ decision: 'switch' })
    expect(await policy({ devices, memory: { ...memory, remainingBytes: 31 * MIB } })).toMatchObject({
      decision: 'continue',
    })
    expect(await policy({ devices, memory: { ...memory, remainingBytes: 29 * MIB } })).toMatchObject({
      decision: 'switch',
    })
  })

  it('does not take devices that wait for their memory for stalled ones', async () => {
    const policy = withLimits(fixedRounds(100), { stalledRounds: 3, noProgressTimeout: 10 })
    const devices = [snapshotOf({ stalledRounds: 50, stalledMs: 5000 })]
    expect(await policy({ devices, memory: { ...memory, settled: undefined } })).toMatchObject({
      decision: 'continue',
    })
    expect(await policy({ devices, memory })).toMatchObject({ decision: 'abort' })
  })
})
