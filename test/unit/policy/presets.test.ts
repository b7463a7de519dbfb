// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import {
  bandwidthOf,
  downtimeRamp,
  expectedDowntime,
  fixedRounds,
  forOneDevice,
  initialBytesFirst,
  type PreCopySnapshot,
  qemu,
  remainingBytes,
  type SetPolicy,
  stopCopyBytes,
  withLimits,
} from '../../../lib/index.js'
import { spelledOut } from '../../../lib/migration/switchover-policy.js'
import { MIB, snapshotOf } from './snapshots.js'

async function ask(policy: SetPolicy, ...devices: PreCopySnapshot[]) {
  return spelledOut(await policy({ devices }))
}

const mib = (count: number): bigint => BigInt(count * MIB)

describe("QEMU's rule", () => {
  const policy = qemu({ downtimeLimit: 300 })

  it('switches when what stop-copy yields fits into the limit', async () => {
    expect(await ask(policy, snapshotOf({ size: mib(29) }))).toMatchObject({ decision: 'switch' })
    expect(await ask(policy, snapshotOf({ size: mib(31) }))).toMatchObject({
      decision: 'continue',
      reason: '31 MiB are left, and 30 MiB go into 300 ms at 100 MiB/s',
    })
  })

  it('asks for that size, a firmware command, only when what pre-copy has left fits', async () => {
    let asked = 0
    const stopCopySize = async () => {
      asked++
      return mib(1)
    }
    expect((await ask(policy, snapshotOf({ dirtyBytes: mib(31), stopCopySize }))).decision).toBe('continue')
    expect(asked).toBe(0)
    expect((await ask(policy, snapshotOf({ dirtyBytes: mib(29), stopCopySize }))).decision).toBe('switch')
    expect(asked).toBe(1)
  })

  it('adds initial and dirty data, and neither to the size of stop-copy, which includes them', async () => {
    const both = snapshotOf({ initialBytes: mib(16), dirtyBytes: mib(15), size: mib(1) })
    expect((await ask(policy, both)).decision).toBe('continue')
    const within = snapshotOf({ initialBytes: mib(10), dirtyBytes: mib(15), size: mib(29) })
    expect((await ask(policy, within)).decision).toBe('switch')
  })

  it('takes a given bandwidth for the measured one, and takes fixed costs off the limit', async () => {
    const at = snapshotOf({ size: mib(20), bandwidth: undefined })
    expect((await ask(policy, at)).decision).toBe('continue')
    expect((await ask(qemu({ downtimeLimit: 300, bandwidth: 100 * MIB }), at)).decision).toBe('switch')
    const slower = qemu({ downtimeLimit: 300, bandwidth: 100 * MIB, overhead: 150 })
    expect((await ask(slower, at)).decision).toBe('continue')
  })

  it('switches at any bandwidth when nothing is left', async () => {
    const nothing = snapshotOf({ bandwidth: undefined, stopCopySize: async () => undefined })
    expect((await ask(policy, nothing)).decision).toBe('switch')
  })

  it('takes the last round for what is left where a device does not say it', async () => {
    const mute = { initialBytes: undefined, dirtyBytes: undefined, stopCopySize: async () => undefined }
    expect((await ask(policy, snapshotOf({ ...mute, roundBytes: 31 * MIB }))).decision).toBe('continue')
    expect((await ask(policy, snapshotOf({ ...mute, roundBytes: 29 * MIB }))).decision).toBe('switch')
    expect(await ask(policy, snapshotOf({ ...mute, roundBytes: 0, drained: false }))).toMatchObject({
      decision: 'continue',
      reason: 'the device does not say what is left',
    })
  })

  it('adds up the devices of a set', async () => {
    const half = snapshotOf({ size: mib(16) })
    expect((await ask(policy, half)).decision).toBe('switch')
    expect((await ask(policy, half, half)).decision).toBe('switch')
    expect((await ask(policy, half, half, half, half)).decision).toBe('switch')
    const slow = { ...half, transferMs: 5120 }
    expect((await ask(policy, slow, slow)).decision).toBe('continue')
  })
})

describe('an acknowledgement', () => {
  it.each([
    { title: 'is waited for where there is somebody to give it', initialLoaded: false, decision: 'continue' },
    { title: 'was given', initialLoaded: true, decision: 'switch' },
    { title: 'is not expected of nobody', initialLoaded: undefined, decision: 'switch' },
    { title: 'is demanded', initialLoaded: undefined, requireAck: true, decision: 'continue' },
    { title: 'is done without', initialLoaded: false, requireAck: false, decision: 'switch' },
    {
      title: 'is void after a new beginning',
      initialLoaded: true,
      reinitialised: true,
      decision: 'continue',
    },
  ])('$title', async ({ initialLoaded, requireAck, reinitialised = false, decision }) => {
    const at = snapshotOf({ initialLoaded, reinitialised })
    for (const policy of [
      qemu({ downtimeLimit: 300, requireAck }),
      downtimeRamp({ from: 300, to: 500, requireAck }),
      initialBytesFirst({ requireAck }),
      fixedRounds(3, { requireAck }),
      withLimits(() => 'continue', { totalTimeout: 1, onLimit: 'switch', requireAck }),
    ]) {
      const said = await ask(policy, at)
      expect(said.decision === 'switch').toBe(decision === 'switch')
      if (decision !== 'switch') expect(said.reason).toMatch(/initial data/)
    }
  })
})

it('a ramp allows more as time goes by', async () => {
  const policy = downtimeRamp({ from: 100, to: 300, step: 50, every: 1000 })
  const at = (elapsedMs: number, left: number) => ask(policy, snapshotOf({ elapsedMs, size: mib(left) }))
  expect((await at(0, 11)).decision).toBe('continue')
  expect((await at(999, 11)).decision).toBe('continue')
  expect((await at(1000, 11)).decision).toBe('switch')
  expect((await at(4000, 29)).decision).toBe('switch')
  expect((await at(1e9, 31)).decision).toBe('continue')
})

it('initial data first', async () => {
  const policy = initialBytesFirst()
  expect(await ask(policy, snapshotOf({ initialBytes: mib(3), dirtyBytes: mib(999) }))).toEqual({
    decision: 'continue',
    reason: 'a device has 3 MiB of its initial data left',
  })
  expect((await ask(policy, snapshotOf({ dirtyBytes: mib(999) }))).decision).toBe('switch')
  expect((await ask(policy, snapshotOf({ initialBytes: undefined }))).decision).toBe('switch')
  expect((await ask(policy, snapshotOf({ initialBytes: undefined, drained: false }))).decision).toBe(
    'continue',
  )
  expect((await ask(policy, snapshotOf(), snapshotOf({ initialBytes: 1n }))).decision).toBe('continue')
})

it('a number of rounds, of each device', async () => {
  const policy = fixedRounds(3)
  expect((await ask(policy, snapshotOf({ round: 2 }))).reason).toBe('a device is in round 3 of 3')
  expect((await ask(policy, snapshotOf({ round: 3 }), snapshotOf({ round: 2 }))).decision).toBe('continue')
  expect((await ask(policy, snapshotOf({ round: 3 }))).decision).toBe('switch')
})

describe('limits', () => {
  const endless: SetPolicy = () => ({ decision: 'continue', reason: 'it likes it here' })
  const late = snapshotOf({ elapsedMs: 60_000, stalledMs: 20_000, stalledRounds: 80, dirtyBytes: mib(3) })

  it.each([
    { limits: { totalTimeout: 60_000 }, reason: 'pre-copy has taken 1 min 0 s and may take 1 min 0 s' },
    {
      limits: { noProgressTimeout: 20_000 },
      reason: 'the 3 MiB that are left have not become less for 20.00 s; it likes it here',
    },
    {
      limits: { stalledRounds: 80 },
      reason: 'the 3 MiB that are left have not become less for 80 rounds; it likes it here',
    },
  ])('end a policy that never ends: $limits', async ({ limits, reason }) => {
    expect(await ask(withLimits(endless, limits), late)).toEqual({ decision: 'abort', reason })
    expect(await ask(withLimits(endless, { ...limits, onLimit: 'switch' }), late)).toEqual({
      decision: 'switch',
      reason,
    })
  })

  it('do nothing before they are reached, and nothing that was not asked for', async () => {
    const far = { totalTimeout: 60_001, noProgressTimeout: 20_001, stalledRounds: 81 }
    expect((await ask(withLimits(endless, far), late)).decision).toBe('continue')
    expect((await ask(withLimits(endless, {}), late)).decision).toBe('continue')
  })

  it('a set gets on while one of its devices does', async () => {
    const policy = withLimits(endless, { noProgressTimeout: 10_000, stalledRounds: 50 })
    expect((await ask(policy, late, snapshotOf())).decision).toBe('continue')
    expect((await ask(policy, late, late)).decision).toBe('abort')
  })

  it('put off a switch that would take too long', async () => {
    const policy = withLimits(fixedRounds(1), { downtimeLimit: 100 })
    expect(await ask(policy, snapshotOf({ size: mib(11) }))).toEqual({
      decision: 'continue',
      reason: 'a downtime of 110 ms is expected, and 100 ms are allowed',
    })
    expect((await ask(policy, snapshotOf({ size: mib(9) }))).decision).toBe('switch')
  })

  it('let a policy give up by itself', async () => {
    expect(
      await ask(
        withLimits(() => 'abort', { totalTimeout: 1e9 }),
        late,
      ),
    ).toEqual({ decision: 'abort' })
  })
})

describe('what is believed', () => {
  const absurd = [2n ** 64n - 1n, 2n ** 63n, 2n ** 50n + 1n, 257n * 2n ** 30n * 2n]

  it.each(absurd)('not a size of %d bytes', async (size) => {
    expect(remainingBytes({ devices: [snapshotOf({ dirtyBytes: size, roundBytes: 5 })] })).toBe(5)
    expect(remainingBytes({ devices: [snapshotOf({ dirtyBytes: size, drained: false })] })).toBeUndefined()
    expect(await stopCopyBytes({ devices: [snapshotOf({ size, dirtyBytes: 7n })] })).toBe(7)
  })

  it('not that stop-copy yields nothing', async () => {
    expect(await stopCopyBytes({ devices: [snapshotOf({ size: 0n, dirtyBytes: 7n })] })).toBe(7)
  })

  it('and what comes of it', async () => {
    expect(await expectedDowntime({ devices: [snapshotOf({ size: mib(50) })] }, { overhead: 20 })).toBe(520)
    expect(
      await expectedDowntime({ devices: [snapshotOf({ size: mib(50), bandwidth: undefined })] }),
    ).toBeUndefined()
    expect(bandwidthOf({ devices: [snapshotOf(), snapshotOf({ transferMs: 5120 })] })).toBe(100 * MIB)
    expect(bandwidthOf({ devices: [snapshotOf()], bandwidth: 7 })).toBe(7)
  })
})

it('a policy for sets, asked for one device, is told what the destination has', async () => {
  const policy = forOneDevice(initialBytesFirst(), { initialLoaded: ({ round }) => round > 3 })
  expect(spelledOut(await policy(snapshotOf({ round: 3 }))).decision).toBe('continue')
  expect(spelledOut(await policy(snapshotOf({ round: 4 }))).decision).toBe('switch')
})

it.each([
  () => qemu({ downtimeLimit: -1 }),
  () => qemu({ downtimeLimit: Number.NaN }),
  () => downtimeRamp({ from: 2, to: 1 }),
  () => downtimeRamp({ from: 1, to: 2, every: 0 }),
  () => fixedRounds(0),
  () => withLimits(() => 'switch', { totalTimeout: Number.NaN }),
])('impossible numbers are refused: %s', (make) => {
  expect(make).toThrow(RangeError)
})
