// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { migrate } from '../../../lib/index.js'
import type { SaveSession } from '../../../lib/migration/save-session.js'
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

const v2 = { protocol: 'v2', preCopy: ['a'], stopCopy: ['b'] } as const
const withoutP2p = { ...v2, flags: 0b101n }
const v1 = { ...v2, protocol: 'v1' } as const
const states = (fake: FakeDevice): string[] => fake.log.filter((line) => /^(set|write) /.test(line))

describe('before a device stops', () => {
  it.each([
    { title: 'v2, in pre-copy', options: v2, preCopy: true, waits: 'pre-copy-p2p' },
    { title: 'v2, running', options: v2, preCopy: false, waits: 'running-p2p' },
    { title: 'v2 without P2P, in pre-copy', options: withoutP2p, preCopy: true, waits: 'pre-copy' },
    { title: 'v2 without P2P, running', options: withoutP2p, preCopy: false, waits: 'running' },
    { title: 'v1, in pre-copy', options: v1, preCopy: true, waits: 'pre-copy' },
    { title: 'v1, running', options: v1, preCopy: false, waits: 'running' },
    { title: 'v2, stopped', options: { ...v2, state: 1 }, preCopy: true, waits: 'stop' },
  ])('the hook is awaited once: $title', async ({ options, preCopy, waits }) => {
    const { fake, migration } = await open(options)
    const found: string[] = []
    const saving = await migration.save({
      preCopy,
      beforeStop: async () => {
        found.push(fake.stateName)
        await new Promise((resolve) => setTimeout(resolve, 5))
        found.push(fake.stateName)
      },
    })
    await drain(saving)
    expect(found).toEqual([waits, waits])
    expect(fake.stateName).toBe('stop-copy')
    expect(saving.quiescedAt !== undefined).toBe(waits.endsWith('p2p'))
    expect(saving.stoppedAt).toBeGreaterThan((saving.quiescedAt ?? 0) + 4)
    await saving.complete()
  })

  it('without a hook the kernel walks in one request, as ever', async () => {
    const { fake, migration } = await open(v2)
    await using saving = await migration.save({ preCopy: true })
    await drain(saving)
    expect([states(fake), saving.quiescedAt]).toEqual([['set 6', 'set 3'], undefined])
  })

  it.each([
    { title: 'v2, in pre-copy', options: v2, preCopy: true },
    { title: 'v2, running', options: v2, preCopy: false },
    { title: 'v1, in pre-copy', options: v1, preCopy: true },
    { title: 'v1, running', options: v1, preCopy: false },
  ])('a hook that rejects fails the save, rolled back: $title', async ({ options, preCopy }) => {
    const { fake, migration } = await open(options)
    const late = new Error('another device did not come')
    let saving: SaveSession | undefined
    const saved = (async () => {
      saving = await migration.save({ preCopy, beforeStop: () => Promise.reject(late) })
      await drain(saving)
    })()
    await expect(saved).rejects.toBe(late)
    expect([fake.stateName, saving?.stoppedAt]).toEqual(['running', undefined])
    // The portable way back out of v1's pre-copy leads through stop-copy.
    if (options.protocol === 'v2' || !preCopy) {
      expect(states(fake)).not.toContain(options.protocol === 'v1' ? 'write 2' : 'set 3')
    }
    expect(await migration.transition('stop')).toBe('stop')
  })

  it.each([true, false])('an abort ends the wait for the hook (pre-copy: %s)', async (preCopy) => {
    const { fake, migration } = await open(v2)
    const abort = new AbortController()
    const saved = (async () => {
      const saving = await migration.save({
        preCopy,
        signal: abort.signal,
        beforeStop: () => {
          abort.abort()
          return new Promise(() => {})
        },
      })
      await drain(saving)
    })()
    await expect(saved).rejects.toMatchObject({ code: 'ABORT_ERR', recovery: { ok: true, state: 'running' } })
    expect(fake.stateName).toBe('running')
  })

  it('a device that refuses P2P is led back, and the hook is not asked', async () => {
    const { fake, migration } = await open(v2)
    fake.failures.set('set 7', { errno: -5, ends: 'keep' })
    let asked = false
    const saving = await migration.save({
      preCopy: true,
      beforeStop: async () => {
        asked = true
      },
    })
    await expect(drain(saving)).rejects.toMatchObject({ code: 'ERR_VFIO_TRANSITION', recovery: { ok: true } })
    expect([fake.stateName, asked]).toEqual(['running', false])
  })
})

describe('before a device runs again', () => {
  it.each([
    { title: 'v2', options: v2, waits: 'running-p2p', steps: ['stop', 'running-p2p', 'running'] },
    { title: 'v2 without P2P', options: withoutP2p, waits: 'stop', steps: ['stop', 'running'] },
    { title: 'v1', options: v1, waits: 'stop', steps: ['stop', 'running'] },
  ])('the rollback waits: $title', async ({ options, waits, steps }) => {
    const { fake, migration } = await open(options)
    const found: string[] = []
    const saving = await migration.save({
      beforeRun: async () => {
        await new Promise((resolve) => setTimeout(resolve, 5))
        found.push(fake.stateName)
      },
    })
    await saving.close()
    expect(found).toEqual([waits])
    expect(saving.recovery).toMatchObject({ ok: true, state: 'running', steps })
  })

  it('a device in pre-copy, which never stopped, is not disturbed for it', async () => {
    const { fake, migration } = await open(v2)
    const found: string[] = []
    const saving = await migration.save({
      preCopy: true,
      beforeRun: async () => void found.push(fake.stateName),
    })
    await saving.close()
    expect([found, states(fake)]).toEqual([['pre-copy'], ['set 6', 'set 2']])
  })

  it('one that waited before its stop goes on waiting there', async () => {
    const { fake, migration } = await open(v2)
    const found: string[] = []
    const saved = (async () => {
      const saving = await migration.save({
        preCopy: true,
        beforeStop: () => Promise.reject(new Error('no')),
        beforeRun: async () => void found.push(fake.stateName),
      })
      await drain(saving)
    })()
    await expect(saved).rejects.toThrow('no')
    expect([found, states(fake)]).toEqual([['running-p2p'], ['set 6', 'set 7', 'set 5', 'set 2']])
  })

  it('a start that failed waits too', async () => {
    const { fake, migration } = await open(v2)
    fake.failures.set('set 3', { errno: -24, ends: 'requested' })
    const found: string[] = []
    const saved = migration.save({ beforeRun: async () => void found.push(fake.stateName) })
    await expect(saved).rejects.toMatchObject({ recovery: { ok: true, state: 'running' } })
    expect(found).toEqual(['running-p2p'])
  })

  it('is asked once, even when only a reset helps in the end', async () => {
    const { fake, migration } = await open(v2)
    fake.failures.set('set 2', { errno: -5, ends: 'keep' })
    let asked = 0
    const saving = await migration.save({
      recovery: 'reset',
      beforeRun: async () => {
        asked++
      },
    })
    await saving.close()
    expect([asked, saving.recovery?.steps]).toEqual([1, ['stop', 'running-p2p', 'reset']])
  })

  it('nobody is asked when the device is not to run', async () => {
    const { fake, migration } = await open(v2)
    let asked = 0
    const saving = await migration.save({
      recovery: 'stop',
      beforeRun: async () => {
        asked++
      },
    })
    await saving.close()
    expect([asked, fake.stateName]).toEqual([0, 'stop'])
  })

  it('a hook that rejects against its promise leaves the device waiting', async () => {
    const { fake, migration } = await open(v2)
    const saving = await migration.save({ beforeRun: () => Promise.reject(new Error('lost the others')) })
    await expect(saving.close()).rejects.toMatchObject({
      recovery: { ok: false, state: 'running-p2p', message: 'lost the others' },
    })
    expect(fake.stateName).toBe('running-p2p')
  })
})

describe('a load that ends in running-p2p', () => {
  it('is led on by a transition', async () => {
    const { fake, migration } = await open({ protocol: 'v2' })
    await using loading = await migration.load()
    await loading.complete('running-p2p')
    expect(fake.stateName).toBe('running-p2p')
    expect(await migration.transition('running')).toBe('running')
  })

  it.each([
    { title: 'v1', options: { protocol: 'v1' } as const },
    { title: 'v2 without P2P', options: { protocol: 'v2', flags: 0b101n } as const },
  ])('needs the state, and the load goes on without it: $title', async ({ options }) => {
    const { fake, migration } = await open(options)
    await using loading = await migration.load()
    await expect(loading.complete('running-p2p')).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
    expect(fake.stateName).toBe('resuming')
    await loading.complete()
    expect(fake.stateName).toBe('running')
  })
})

describe('a policy that gives up', () => {
  it.each([
    { answer: 'abort' as const, message: /gave the save up in round 1$/ },
    { answer: { decision: 'abort' as const, reason: 'too dirty' }, message: /in round 1: too dirty$/ },
  ])('fails the save, rolled back: $answer', async ({ answer, message }) => {
    for (const options of [v1, v2]) {
      const { fake, migration } = await open(options)
      const saving = await migration.save({ preCopy: true, switchover: () => answer })
      await expect(drain(saving)).rejects.toMatchObject({
        code: 'ERR_VFIO_NO_CONVERGENCE',
        message,
        recovery: { policy: 'previous', ok: true, state: 'running' },
      })
      expect(fake.stateName).toBe('running')
    }
  })

  it('lets the migration it belongs to say so', async () => {
    const source = new FakeDevice({ ...v2, spec: 'leaving' })
    const destination = new FakeDevice({ protocol: 'v2', spec: 'entering' })
    const migrating = migrate(source.device, destination.device, {
      preCopy: true,
      wiring: false,
      switchover: () => ({ decision: 'abort', reason: 'enough' }),
    })
    await expect(migrating).rejects.toMatchObject({
      code: 'ERR_VFIO_NO_CONVERGENCE',
      source: { state: 'running' },
      destination: { state: 'running' },
    })
  })
})

it('the downtime of a migration begins where its source was quiesced', async () => {
  const source = new FakeDevice({ ...v2, spec: 'leaving' })
  const destination = new FakeDevice({ protocol: 'v2', spec: 'entering' })
  const { downtimeMs, phases } = await migrate(source.device, destination.device, {
    preCopy: true,
    wiring: false,
    beforeStop: () => new Promise((resolve) => setTimeout(resolve, 30)),
  })
  expect(downtimeMs).toBeGreaterThan(28)
  expect(phases.find(({ name }) => name === 'stop-copy')?.ms).toBeGreaterThan(28)
})
