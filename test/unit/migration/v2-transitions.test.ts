// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { FakeDevice, type FakeOptions } from './fake-device.js'

async function open(options: Partial<FakeOptions> = {}) {
  const fake = new FakeDevice({ protocol: 'v2', ...options })
  return { fake, migration: await fake.device.migration() }
}

const sets = (fake: FakeDevice): string[] => fake.log.filter((line) => line.startsWith('set'))

describe('a v2 transition', () => {
  it('is one request: the kernel walks', async () => {
    const { fake, migration } = await open()
    expect(await migration.transition('stop-copy')).toBe('stop-copy')
    expect(fake.log).toEqual(['get', 'set 3', 'get'])
  })

  it('sets nothing when the device is there already', async () => {
    const { fake, migration } = await open()
    await migration.transition('running')
    expect(sets(fake)).toEqual([])
  })

  it('takes two requests where the kernel refuses one', async () => {
    const { fake, migration } = await open({ state: 3 })
    expect(await migration.transition('pre-copy')).toBe('pre-copy')
    expect(sets(fake)).toEqual(['set 1', 'set 6'])
  })

  it('never sets anything while the device is in error', async () => {
    const { fake, migration } = await open({ state: 0 })
    await expect(migration.transition('running')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    await expect(migration.save()).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    await expect(migration.load()).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    expect(sets(fake)).toEqual([])
  })

  it('asks for no state that the device lacks', async () => {
    const { fake, migration } = await open({ flags: 1n })
    await expect(migration.transition('pre-copy')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    await expect(migration.transition('running-p2p')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    expect(sets(fake)).toEqual([])
  })

  it('lets the kernel find the way out of a state newer than this library', async () => {
    const { migration } = await open({ state: 11 })
    expect(await migration.state()).toBe('unknown-11')
    expect(await migration.transition('stop')).toBe('stop')
  })

  it('reports where the device is after a failure, not what was asked for', async () => {
    const { fake, migration } = await open()
    fake.failures.set('set 3', { errno: -110, ends: 5 })
    await expect(migration.transition('stop-copy')).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      from: 'running',
      to: 'stop-copy',
      path: ['running', 'running-p2p', 'stop', 'stop-copy'],
      failed: ['running-p2p', 'stop'],
      actual: 'running-p2p',
      errnoName: 'ETIMEDOUT',
    })
  })

  it('notices a device that went elsewhere although the request succeeded', async () => {
    const { fake, migration } = await open()
    fake.strays.set('set 1', 0)
    await expect(migration.transition('stop')).rejects.toMatchObject({ actual: 'error', errno: 0 })
  })

  it('says when a state was entered without a session', async () => {
    const { fake, migration } = await open()
    fake.failures.set('set 3', { errno: -24, ends: 'requested' })
    await expect(migration.transition('stop-copy')).rejects.toMatchObject({
      actual: 'stop-copy',
      errnoName: 'EMFILE',
      meaning: expect.stringContaining('without a session'),
    })
  })

  it('keeps the session while inside the saving group, and closes it on the way out', async () => {
    const { fake, migration } = await open()
    await migration.transition('pre-copy')
    await migration.transition('stop-copy')
    expect([fake.sessions, fake.openSessions]).toEqual([1, 1])
    await migration.transition('stop')
    expect(fake.openSessions).toBe(0)
    await migration.transition('resuming')
    await migration.transition('running')
    expect([fake.sessions, fake.openSessions]).toEqual([2, 0])
  })
})

describe('detection', () => {
  it('finds v2 by its flags, unknown bits included', async () => {
    const { migration } = await open({ flags: 0b1011n })
    expect(migration.protocol).toBe('v2')
    expect(migration.capabilities).toEqual({
      preCopy: false,
      p2p: true,
      flags: 0b1011n,
      dataSection: undefined,
    })
  })

  it('finds v1 by its region', async () => {
    const migration = await new FakeDevice({ protocol: 'v1' }).device.migration()
    expect(migration.protocol).toBe('v1')
    expect(migration.capabilities).toEqual({ preCopy: true, p2p: false, flags: 0n, dataSection: 'trapped' })
  })

  it('says what a device without either answered', async () => {
    const { device } = new FakeDevice({ protocol: 'none' })
    await expect(device.migration()).rejects.toMatchObject({
      code: 'ERR_VFIO_NOT_MIGRATABLE',
      message: expect.stringMatching(/driver fake answers ENOTTY/),
    })
  })
})
