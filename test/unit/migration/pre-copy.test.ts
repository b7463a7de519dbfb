// SPDX-License-Identifier: MIT
import { open as openFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { fixedRounds, forOneDevice, openDevice, qemu, RateLimit, withLimits } from '../../../lib/index.js'
import { BandwidthMeter } from '../../../lib/migration/bandwidth.js'
import { Convergence } from '../../../lib/migration/convergence.js'
import type { SaveSession } from '../../../lib/migration/save-session.js'
import type { PreCopySnapshot } from '../../../lib/migration/switchover-policy.js'
import { FakeDevice, type FakeOptions } from './fake-device.js'

async function open(options: FakeOptions) {
  const fake = new FakeDevice(options)
  return { fake, migration: await fake.device.migration() }
}

async function drain(saving: SaveSession): Promise<void> {
  for await (const _ of saving) {
    // To its end.
  }
}

describe('a snapshot', () => {
  it('asks for the size of stop-copy only when it is wanted, and once', async () => {
    const { fake, migration } = await open({ protocol: 'v2', preCopy: ['a'] })
    await using saving = await migration.save({
      preCopy: true,
      switchover: async ({ round, stopCopySize }) => {
        if (round === 1) return 'continue'
        expect(fake.log).not.toContain('data-size')
        expect([await stopCopySize(), await stopCopySize()]).toEqual([4n, 4n])
        return 'switch'
      },
    })
    await drain(saving)
    expect(fake.log.filter((line) => line === 'data-size')).toHaveLength(1)
  })

  it('has what each round moved, and how long nothing got better', async () => {
    const { fake, migration } = await open({ protocol: 'v2', preCopy: ['abc'], spec: 'it' })
    const seen: PreCopySnapshot[] = []
    await using saving = await migration.save({
      preCopy: true,
      switchover: (snapshot) => {
        seen.push(snapshot)
        fake.feed('de')
        return seen.length < 4 ? 'continue' : { decision: 'switch', reason: 'four is enough' }
      },
    })
    await drain(saving)
    expect(seen[0]).toMatchObject({ device: 'it', drained: true, initialLoaded: undefined })
    expect(seen.map(({ roundBytes }) => roundBytes)).toEqual([3, 2, 2, 2])
    expect([saving.rounds, saving.switchReason]).toEqual([4, 'four is enough'])
    expect(seen.map(({ transferMs }) => transferMs >= 0)).not.toContain(false)
  })

  it('says that a pre-copy took too long for its own limit', async () => {
    const { migration } = await open({ protocol: 'v2', preCopy: ['a'] })
    await using saving = await migration.save({
      preCopy: true,
      preCopyTimeout: 20,
      switchover: () => 'continue',
    })
    await drain(saving)
    expect(saving.switchReason).toBe('the pre-copy took longer than its 20 ms')
  })
})

describe('initial data that begins anew (VFIO_PRECOPY_INFO_REINIT)', () => {
  it('is noticed where the driver was told that it is understood', async () => {
    const { fake, migration } = await open({ protocol: 'v2', preCopy: ['a'] })
    fake.knowsReinit = true
    const seen: boolean[] = []
    await using saving = await migration.save({
      preCopy: true,
      switchover: ({ reinitialised, round }) => {
        seen.push(reinitialised)
        fake.precopyFlags = round === 1 ? 1 : 0
        return round < 3 ? 'continue' : 'switch'
      },
    })
    await drain(saving)
    expect(seen).toEqual([false, true, false])
    expect(fake.log.filter((line) => line.endsWith('feature 12') || line === 'set 6')).toEqual([
      'probe feature 12',
      'set feature 12',
      'set 6',
    ])
  })

  it('is not believed of a driver that echoes flags', async () => {
    const { fake, migration } = await open({ protocol: 'v2', preCopy: ['a'] })
    fake.precopyFlags = 1
    let seen: boolean | undefined
    await using saving = await migration.save({
      preCopy: true,
      switchover: ({ reinitialised }) => {
        seen = reinitialised
        return 'switch'
      },
    })
    await drain(saving)
    expect(seen).toBe(false)
  })

  it('a driver that fails to be told is one that does not know it', async () => {
    const { fake, migration } = await open({ protocol: 'v2', preCopy: ['a'] })
    fake.knowsReinit = true
    fake.precopyFlags = 1
    fake.failures.set('set feature 12', { errno: -5, ends: 'keep' })
    let seen: boolean | undefined
    await using saving = await migration.save({
      preCopy: true,
      switchover: ({ reinitialised }) => {
        seen = reinitialised
        return 'switch'
      },
    })
    await drain(saving)
    expect(seen).toBe(false)
  })
})

describe('a device that is never drained', () => {
  // Each read takes a turn of the loop and makes the next one possible.
  async function restless(protocol: 'v1' | 'v2') {
    const { fake, migration } = await open({ protocol, preCopy: ['a'], stopCopy: ['end'] })
    fake.gates.set('read', async () => {
      await new Promise((resolve) => setTimeout(resolve, 1))
      if (fake.stateName === 'pre-copy') fake.feed('a')
    })
    return { fake, migration }
  }

  it.each(['v1', 'v2'] as const)('is asked about at an interval, %s', async (protocol) => {
    const { fake, migration } = await restless(protocol)
    const destination = new FakeDevice({ protocol, spec: 'entering' })
    const loading = await (await destination.device.migration()).load()
    const seen: PreCopySnapshot[] = []
    const saving = await migration.save({
      preCopy: true,
      switchoverInterval: 10,
      switchover: (snapshot) => {
        seen.push(snapshot)
        return seen.length < 3 ? 'continue' : { decision: 'switch', reason: 'enough' }
      },
    })
    await saving.pipeInto(loading)
    expect(seen.map(({ drained, round }) => [drained, round])).toEqual([
      [false, 0],
      [false, 0],
      [false, 0],
    ])
    expect([saving.rounds, saving.switchReason, saving.phase]).toEqual([0, 'enough', 'ended'])
    expect(seen[2]?.bytes).toBeGreaterThan(seen[0]?.bytes as number)
    // Asking a v1 device in the middle of a round would acknowledge what was not read.
    expect(seen[0]?.initialBytes).toBe(protocol === 'v1' ? undefined : 0n)
    expect(fake.log.filter((line) => line === 'pending').length).toBeLessThanOrEqual(1)
    await saving.complete()
    await loading.complete()
  })

  it.each(['v1', 'v2'] as const)('is given up by a policy, %s', async (protocol) => {
    const { fake, migration } = await restless(protocol)
    const destination = new FakeDevice({ protocol, spec: 'entering' })
    await using loading = await (await destination.device.migration()).load()
    const saving = await migration.save({
      preCopy: true,
      switchoverInterval: 10,
      switchover: forOneDevice(withLimits(() => 'continue', { totalTimeout: 50 })),
    })
    await expect(saving.pipeInto(loading)).rejects.toMatchObject({
      code: 'ERR_VFIO_NO_CONVERGENCE',
      message: /pre-copy has taken .* and may take 50 ms/,
      recovery: { ok: true, state: 'running' },
    })
    expect(fake.stateName).toBe('running')
  })

  it('a policy that throws then ends the save', async () => {
    const { fake, migration } = await restless('v2')
    const destination = new FakeDevice({ protocol: 'v2', spec: 'entering' })
    await using loading = await (await destination.device.migration()).load()
    const oops = new TypeError('oops')
    const saving = await migration.save({
      preCopy: true,
      switchoverInterval: 10,
      switchover: () => {
        throw oops
      },
    })
    await expect(saving.pipeInto(loading)).rejects.toBe(oops)
    expect(fake.stateName).toBe('running')
  })

  it('is not asked about unless that is wanted', async () => {
    const { migration } = await restless('v2')
    let asked = 0
    await using saving = await migration.save({
      preCopy: true,
      preCopyTimeout: 60,
      switchover: () => {
        asked++
        return 'switch'
      },
    })
    await drain(saving)
    expect(asked).toBe(0)
  })

  it('and an interval that is none is refused', async () => {
    const { fake, migration } = await open({ protocol: 'v2' })
    await expect(migration.save({ switchoverInterval: 0 })).rejects.toBeInstanceOf(RangeError)
    expect(fake.log).toEqual([])
  })
})

describe('a simulated device', () => {
  async function save(spec: string, options: Parameters<typeof withLimits>[1]) {
    await using device = await openDevice(spec)
    const migration = await device.migration()
    const file = await openFile('/dev/null', 'w')
    try {
      const saving = await migration.save({
        preCopy: true,
        preCopyTimeout: Number.POSITIVE_INFINITY,
        switchoverInterval: 20,
        switchover: forOneDevice(withLimits(qemu({ downtimeLimit: 1 }), options)),
      })
      const moved = await saving.pipeTo(file.fd).catch((error: unknown) => error)
      const { rounds, switchReason } = saving
      await saving.close()
      return { moved, rounds, switchReason, state: await migration.state() }
    } finally {
      await file.close()
    }
  }

  it('that dirties its memory faster than it can be read is given up, and says why', async () => {
    const { moved, state } = await save('sim:v2,state=64MiB,dirty-rate=64GiB', { totalTimeout: 300 })
    expect(moved).toMatchObject({ code: 'ERR_VFIO_NO_CONVERGENCE', message: /pre-copy has taken/ })
    expect(state).toBe('running')
  })

  it('whose dirty bytes never settle is switched at the limit, and says why', async () => {
    const { moved, rounds, switchReason, state } = await save(
      'sim:v2,state=1MiB,rounds=by-info,lie=dirty-bytes:0x40000000',
      { stalledRounds: 12, onLimit: 'switch' },
    )
    expect(moved).toMatchObject({ bytes: expect.any(Number) })
    expect(rounds).toBeGreaterThanOrEqual(12)
    expect(switchReason).toMatch(
      /the 1 GiB that are left have not become less for \d+ rounds; 1 GiB are left/,
    )
    expect(state).toBe('running')
  })

  it('is measured and switched by the size that is left', async () => {
    const { switchReason } = await save('sim:v2,state=256MiB,seed=1', { totalTimeout: 60_000 })
    expect(switchReason).toMatch(/are left, which fit into 1\.0 ms/)
  })
})

it('a bandwidth limit holds pre-copy back, and not what is left once the device is to stop', async () => {
  await using device = await openDevice('sim:v2,state=16MiB')
  const file = await openFile('/dev/null', 'w')
  try {
    const seen: number[] = []
    const limited = await (await device.migration()).save({
      preCopy: true,
      bandwidthLimit: 64 * 2 ** 20,
      switchover: ({ bandwidth }) => {
        seen.push(bandwidth ?? 0)
        return 'switch'
      },
    })
    const began = performance.now()
    await limited.pipeTo(file.fd)
    expect(performance.now() - began).toBeGreaterThan(150)
    expect(seen[0]).toBeLessThan(110 * 2 ** 20)
    await limited.close()
    const stopped = await (await device.migration()).save({ bandwidthLimit: 1024 })
    await stopped.pipeTo(file.fd)
    await stopped.close()
    for (const options of [{ bandwidthLimit: 0 }, { bandwidthLimit: 1, rateLimit: new RateLimit(1) }]) {
      await expect((await device.migration()).save(options)).rejects.toBeInstanceOf(RangeError)
    }
  } finally {
    await file.close()
  }
})

describe('the bandwidth', () => {
  it('is that of the time in which data flowed, over the last 500 ms of it', () => {
    const meter = new BandwidthMeter()
    expect(meter.rate).toBeUndefined()
    meter.resume(0, 0)
    meter.pause(1000, 1_000_000)
    expect([meter.rate, meter.transferMs]).toEqual([1_000_000, 1000])
    // A pause of an hour, then twice 300 ms at half the speed.
    meter.resume(3_600_000, 1_000_000)
    meter.pause(3_600_300, 1_150_000)
    expect(meter.rate).toBeCloseTo((1_150_000 / 1300) * 1000)
    meter.resume(3_700_000, 1_150_000)
    meter.pause(3_700_300, 1_300_000)
    expect([meter.rate, meter.transferMs]).toEqual([500_000, 1600])
  })

  it('is known of a transfer under way, and not of less than a millisecond', () => {
    const meter = new BandwidthMeter()
    meter.resume(0, 0)
    meter.mark(0.5, 4096)
    expect(meter.rate).toBeUndefined()
    meter.resume(0.7, 5000)
    meter.mark(10, 10_000)
    expect(meter.rate).toBe(1_000_000)
    meter.mark(510, 10_000)
    expect(meter.rate).toBe(0)
  })
})

it('progress is a remainder noticeably under its least, or none', () => {
  const convergence = new Convergence()
  const after = (remaining: number | undefined, bytes: number, ms: number, drained = true) => {
    convergence.note(remaining, bytes, ms, drained)
    return [convergence.stalledRounds, convergence.stalledMs(ms)]
  }
  expect(after(1000, 0, 10)).toEqual([0, 0])
  expect(after(990, 0, 20)).toEqual([1, 10])
  expect(after(2000, 0, 30)).toEqual([2, 20])
  expect(after(960, 0, 40)).toEqual([0, 0])
  expect(after(960, 0, 50, false)).toEqual([0, 10])
  expect(after(0, 0, 60)).toEqual([0, 0])
  expect(after(0, 0, 70)).toEqual([0, 0])
  expect(after(undefined, 5, 80, false)).toEqual([0, 0])
  expect(after(undefined, 5, 90, false)).toEqual([0, 10])
})

it('rounds by a policy for sets', async () => {
  const { migration } = await open({ protocol: 'v1', preCopy: ['a'] })
  await using saving = await migration.save({ preCopy: true, switchover: forOneDevice(fixedRounds(3)) })
  await drain(saving)
  expect([saving.rounds, saving.switchReason]).toEqual([3, '3 rounds are over'])
})
