// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  downtimeRamp,
  fixedRounds,
  initialBytesFirst,
  type PolicyLimits,
  type PreCopySnapshot,
  qemu,
  type SetPolicy,
  type SetSnapshot,
  withLimits,
} from '../../../lib/index.js'
import { Convergence } from '../../../lib/migration/convergence.js'
import { believed, remainingOf } from '../../../lib/migration/estimate.js'
import { spelledOut } from '../../../lib/migration/switchover-policy.js'
import { anySet, saidSize, snapshotOf } from './snapshots.js'

const limit = fc.double({ min: 0, max: 100_000, noNaN: true })

type Make = (requireAck: boolean | undefined) => SetPolicy
const anyPreset: fc.Arbitrary<Make> = fc.oneof(
  limit.map(
    (downtimeLimit): Make =>
      (requireAck) =>
        qemu({ downtimeLimit, requireAck }),
  ),
  fc.tuple(limit, limit).map(
    ([from, more]): Make =>
      (requireAck) =>
        downtimeRamp({ from, to: from + more, requireAck }),
  ),
  fc.constant<Make>((requireAck) => initialBytesFirst({ requireAck })),
  fc.integer({ min: 1, max: 1000 }).map(
    (rounds): Make =>
      (requireAck) =>
        fixedRounds(rounds, { requireAck }),
  ),
)

async function decisionOf(policy: SetPolicy, snapshot: SetSnapshot): Promise<string> {
  return spelledOut(await policy(snapshot)).decision
}

describe('every preset', () => {
  it('never switches before an acknowledgement that it requires, nor do its limits', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyPreset,
        anySet,
        fc.boolean(),
        limit,
        async (make, snapshot, limited, totalTimeout) => {
          const bare = make(true)
          const policy = limited
            ? withLimits(bare, { totalTimeout, onLimit: 'switch', requireAck: true })
            : bare
          const decision = await decisionOf(policy, snapshot)
          const acknowledged = snapshot.devices.every(
            ({ initialLoaded, reinitialised }) => initialLoaded === true && !reinitialised,
          )
          if (!acknowledged) expect(decision).not.toBe('switch')
        },
      ),
      { numRuns: 500 },
    )
  })

  it('says of an absurd size what it says of an unknown one', async () => {
    const doubtless = (snapshot: SetSnapshot): SetSnapshot => ({
      devices: snapshot.devices.map((device): PreCopySnapshot => {
        const kept = (size: bigint | undefined) =>
          believed(size, device.bytes) === undefined ? undefined : size
        return {
          ...device,
          initialBytes: kept(device.initialBytes),
          dirtyBytes: kept(device.dirtyBytes),
          stopCopySize: async () => {
            const size = await device.stopCopySize()
            return size === 0n ? undefined : kept(size)
          },
        }
      }),
    })
    await fc.assert(
      fc.asyncProperty(anyPreset, anySet, limit, async (make, snapshot, downtimeLimit) => {
        const policy = withLimits(make(undefined), { downtimeLimit, totalTimeout: 500_000 })
        expect(await policy(snapshot)).toEqual(await policy(doubtless(snapshot)))
      }),
      { numRuns: 500 },
    )
  })

  it('answers the same to the same snapshot, whatever it was asked before', async () => {
    await fc.assert(
      fc.asyncProperty(anyPreset, anySet, anySet, async (make, snapshot, other) => {
        const policy = make(undefined)
        const first = await policy(snapshot)
        await policy(other)
        expect(await policy(snapshot)).toEqual(first)
      }),
    )
  })
})

it('absurd is: negative, above a PiB, or more than 1024 times what was seen', () => {
  fc.assert(
    fc.property(saidSize, fc.nat(2 ** 31 - 1), (size, bytes) => {
      const known = believed(size, bytes)
      if (known === undefined) return
      expect(BigInt(known)).toBe(size)
      expect(known).toBeLessThanOrEqual(2 ** 50)
      expect(known).toBeLessThanOrEqual(1024 * Math.max(bytes, 64 * 2 ** 20))
    }),
  )
})

it("QEMU's rule switches at every higher limit where it switches at a lower one", async () => {
  await fc.assert(
    fc.asyncProperty(anySet, limit, limit, async (snapshot, lower, more) => {
      if ((await decisionOf(qemu({ downtimeLimit: lower }), snapshot)) !== 'switch') return
      expect(await decisionOf(qemu({ downtimeLimit: lower + more }), snapshot)).toBe('switch')
    }),
    { numRuns: 1000 },
  )
})

it('a ramp switches at every later time where it switches at an earlier one', async () => {
  await fc.assert(
    fc.asyncProperty(anySet, limit, limit, fc.nat(100_000), async (snapshot, from, more, later) => {
      const policy = downtimeRamp({ from, to: from + more })
      if ((await decisionOf(policy, snapshot)) !== 'switch') return
      const devices = snapshot.devices.map((device) => ({ ...device, elapsedMs: device.elapsedMs + later }))
      expect(await decisionOf(policy, { devices })).toBe('switch')
    }),
    { numRuns: 1000 },
  )
})

interface Model {
  readonly size: number
  /** Bytes per millisecond. */
  readonly dirtyRate: number
  readonly bandwidth: number
  readonly acknowledgedAfter: number
  readonly lie: bigint | undefined
}

const model: fc.Arbitrary<Model> = fc.record({
  size: fc.integer({ min: 1, max: 2 ** 30 }),
  dirtyRate: fc.integer({ min: 0, max: 2 ** 21 }),
  bandwidth: fc.integer({ min: 1, max: 2 ** 20 }),
  acknowledgedAfter: fc.oneof(fc.nat(5000), fc.constant(Number.POSITIVE_INFINITY)),
  lie: saidSize,
})

/** Plays a pre-copy of a device whose every round sends what was dirtied in the one before. @returns how it ended, and when */
async function play(device: Model, policy: SetPolicy, mostMs: number) {
  const convergence = new Convergence()
  let elapsedMs = 0
  let bytes = 0
  let left = device.size
  for (let round = 1; ; round++) {
    const took = left / device.bandwidth
    elapsedMs += took + 10
    bytes += left
    const roundBytes = left
    left = Math.min(device.size, Math.ceil((took + 10) * device.dirtyRate))
    const dirtyBytes = device.lie ?? BigInt(left)
    const at = { bytes, roundBytes, drained: true, initialBytes: 0n, dirtyBytes }
    convergence.note(remainingOf(at), bytes, elapsedMs, true)
    const answer = await policy({
      devices: [
        snapshotOf({
          ...at,
          round,
          elapsedMs,
          size: device.lie ?? BigInt(left),
          bandwidth: device.bandwidth * 1000,
          transferMs: elapsedMs,
          stalledRounds: convergence.stalledRounds,
          stalledMs: convergence.stalledMs(elapsedMs),
          initialLoaded: elapsedMs >= device.acknowledgedAfter,
        }),
      ],
    })
    const { decision, reason } = spelledOut(answer)
    if (decision !== 'continue') return { decision, reason, elapsedMs, round, took }
    if (elapsedMs > mostMs) return { decision, reason, elapsedMs, round, took }
  }
}

describe('a policy with limits ends', () => {
  const onLimit = fc.constantFrom<PolicyLimits['onLimit']>('abort', 'switch')

  it('by its total time-out, whatever the device does', async () => {
    await fc.assert(
      fc.asyncProperty(model, anyPreset, fc.nat(60_000), onLimit, async (device, make, totalTimeout, on) => {
        const policy = withLimits(make(undefined), { totalTimeout, onLimit: on })
        const end = await play(device, policy, totalTimeout)
        expect(end.decision).not.toBe('continue')
        expect(end.elapsedMs).toBeLessThan(totalTimeout + end.took + 11)
        expect(end.reason).toBeTypeOf('string')
      }),
      { numRuns: 300 },
    )
  })

  it('when what is left never settles, without any time-out', async () => {
    await fc.assert(
      fc.asyncProperty(model, anyPreset, onLimit, async (device, make, on) => {
        const policy = withLimits(make(false), { stalledRounds: 20, onLimit: on, requireAck: false })
        const end = await play(device, policy, Number.POSITIVE_INFINITY)
        expect(end.decision).not.toBe('continue')
      }),
      { numRuns: 300 },
    )
  })
})
