// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import type { TargetState } from '../../../lib/index.js'
import type { Backend } from './backend.js'

// Targets in turn, beginning in running; the device must say so itself at every stop. Nothing leaves resuming here: that commits a load.
const walks: Readonly<Record<'v1' | 'v2', readonly (readonly TargetState[])[]>> = {
  v1: [
    ['stop', 'running'],
    ['stop-copy', 'stop', 'running'],
    ['stop-copy', 'running'],
    ['pre-copy', 'stop-copy', 'stop', 'running'],
    ['pre-copy', 'running'],
    ['pre-copy', 'stop', 'pre-copy', 'resuming'],
  ],
  v2: [
    ['stop', 'running'],
    ['stop-copy', 'stop', 'running'],
    ['stop-copy', 'running'],
    ['stop', 'stop-copy', 'stop'],
    ['pre-copy', 'stop-copy', 'pre-copy', 'running'],
    ['pre-copy', 'running', 'stop'],
    ['running-p2p', 'stop', 'running-p2p', 'running'],
    ['pre-copy', 'pre-copy-p2p', 'stop-copy', 'running-p2p', 'running'],
    ['pre-copy-p2p', 'pre-copy', 'running'],
  ],
}

/** The states of a device and the ways between them. */
export function statesContract(backend: Backend): void {
  const has = (state: TargetState): boolean =>
    (backend.preCopy || !state.startsWith('pre-copy')) && (backend.p2p || !state.endsWith('-p2p'))

  it('speaks the protocol, and runs when it is new', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    expect(migration.protocol).toBe(backend.protocol)
    expect(migration.capabilities).toMatchObject({ preCopy: backend.preCopy, p2p: backend.p2p })
    expect(await migration.state()).toBe('running')
    expect(await device.migration()).toBe(migration)
  })

  for (const walk of walks[backend.protocol].filter((states) => states.every(has))) {
    it(`walks running, ${walk.join(', ')}`, async () => {
      await using device = await backend.open()
      const migration = await device.migration()
      for (const state of walk) {
        expect(await migration.transition(state)).toBe(state)
        expect(await migration.state()).toBe(state)
      }
    })
  }

  it('estimates what a stop-copy would take, where its protocol can', async () => {
    await using device = await backend.open()
    const size = await (await device.migration()).stopCopySize()
    if (backend.protocol === 'v1') expect(size).toBeUndefined()
    else expect(size).toBeGreaterThan(0n)
  })

  it('has no way into a state it lacks', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    const lacking = (['pre-copy', 'pre-copy-p2p', 'running-p2p'] as const).filter(
      (state) => !has(state) || (backend.protocol === 'v1' && state.endsWith('-p2p')),
    )
    for (const state of lacking) {
      await expect(migration.transition(state)).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
      expect(await migration.state()).toBe('running')
    }
  })

  const resettable = (
    ['running', 'stop', 'stop-copy', 'pre-copy', 'resuming', 'pre-copy-p2p'] as const
  ).filter((state) => has(state) && (backend.protocol === 'v2' || !state.endsWith('-p2p')))
  it.each(resettable)('runs again after a reset in %s', async (state) => {
    await using device = await backend.open()
    const migration = await device.migration()
    await migration.transition(state)
    await device.reset()
    expect(await migration.state()).toBe('running')
    expect(await migration.transition('stop')).toBe('stop')
    expect(await migration.transition('running')).toBe('running')
  })

  it('preserves reserved bits', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    const before = await migration.reservedBits()
    await migration.transition('stop')
    expect(await migration.reservedBits()).toBe(before)
    await migration.transition('running')
    expect(await migration.reservedBits()).toBe(before)
  })

  it('refuses a second operation instead of queueing it', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    const first = migration.transition('stop')
    await expect(migration.transition('running')).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    await expect(migration.save()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    expect(await first).toBe('stop')
  })

  it('answers nothing once it is closed', async () => {
    const device = await backend.open()
    const migration = await device.migration()
    await device.close()
    await device.close()
    await expect(migration.state()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    await expect(migration.transition('stop')).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    await expect(migration.save()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    await expect(migration.load()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    await expect(device.reset()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
  })
}
