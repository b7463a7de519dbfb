// SPDX-License-Identifier: MIT
// What a device can do to its user, done on purpose: the errors say what happened, and the devices end where the policy wants them.
import { describe, expect, it } from 'vitest'
import { type MigrationState, migrate, openDevice, type SaveSession } from '../../lib/index.js'

const small = 'state=2MiB'

async function drain(saving: SaveSession): Promise<void> {
  for await (const _ of saving) {
    // Only to the end.
  }
}

describe('a v2 device that fails at a hop', () => {
  // RUNNING -> STOP_COPY passes RUNNING_P2P and STOP.
  it.each([
    ['running-p2p', 'running', ['running', 'running-p2p']],
    ['stop', 'running-p2p', ['running-p2p', 'stop']],
    ['stop-copy', 'stop', ['stop', 'stop-copy']],
  ] as const)('into %s is found in %s and led back', async (state, actual, failed) => {
    await using device = await openDevice(`sim:v2,${small},fail=set-state:${state}:ETIMEDOUT`)
    const migration = await device.migration()
    await expect(migration.save()).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      errnoName: 'ETIMEDOUT',
      path: ['running', 'running-p2p', 'stop', 'stop-copy'],
      failed,
      actual,
      recovery: { policy: 'previous', ok: true, state: 'running' },
    })
    expect(await migration.state()).toBe('running')
    const saving = await migration.save()
    await drain(saving)
    await saving.complete()
  })

  it('without a descriptor left is in stop-copy without a session, and led back', async () => {
    await using device = await openDevice(`sim:v2,${small},fail=set-state:stop-copy:EMFILE:requested`)
    const migration = await device.migration()
    await expect(migration.save()).rejects.toMatchObject({
      actual: 'stop-copy',
      errnoName: 'EMFILE',
      recovery: { ok: true, state: 'running' },
    })
    const saving = await migration.save()
    await drain(saving)
    await saving.complete()
  })

  it('without a descriptor left in resuming is reset', async () => {
    await using device = await openDevice(`sim:v2,${small},fail=set-state:resuming:EMFILE:requested`)
    await expect((await device.migration()).load()).rejects.toMatchObject({
      actual: 'resuming',
      recovery: { policy: 'reset', steps: ['reset'], ok: true, state: 'running' },
    })
  })

  it('into its error state stays there, unless a reset was allowed', async () => {
    for (const recovery of ['previous', 'reset'] as const) {
      await using device = await openDevice(`sim:v2,${small},fail=set-state:stop-copy:EIO:error`)
      const migration = await device.migration()
      const expected =
        recovery === 'reset'
          ? { ok: true, steps: ['reset'], state: 'running' }
          : { ok: false, steps: [], state: 'error', message: expect.stringContaining('reset') }
      await expect(migration.save({ recovery })).rejects.toMatchObject({
        actual: 'error',
        recovery: expected,
      })
      expect(await migration.state()).toBe(expected.state)
      if (recovery === 'previous') {
        await expect(migration.transition('stop')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
        await device.reset()
        expect(await migration.transition('stop')).toBe('stop')
      }
    }
  })
})

describe('a v1 device', () => {
  it('that answers a refused arc by its error state is never offered one', async () => {
    await using device = await openDevice(`sim:v1,${small},chunk=256KiB,arcs=i915`)
    const migration = await device.migration()
    await migration.transition('pre-copy')
    expect(await migration.transition('running')).toBe('running')
    await migration.transition('pre-copy')
    await expect(migration.transition('running', { direct: true })).rejects.toMatchObject({
      from: 'pre-copy',
      to: 'running',
      path: ['pre-copy', 'running'],
      actual: 'error',
    })
    await expect(migration.transition('running')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    await device.reset()
    expect(await migration.state()).toBe('running')
  })

  it('that keeps its state when it refuses an arc can go on', async () => {
    await using device = await openDevice(`sim:v1,${small},chunk=256KiB,arcs=lvu`)
    const migration = await device.migration()
    await migration.transition('stop')
    await expect(migration.save()).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    await expect(migration.save({ direct: true })).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      actual: 'stop',
      recovery: { ok: true, steps: [], state: 'stop' },
    })
    expect(await migration.transition('running')).toBe('running')
  })

  it('that takes every arc takes the direct ones on request', async () => {
    await using device = await openDevice(`sim:v1,${small},chunk=256KiB`)
    const migration = await device.migration()
    await migration.transition('stop')
    const saving = await migration.save({ direct: true })
    await drain(saving)
    await saving.complete()
    expect(await migration.state()).toBe('stop')
  })

  it.each(['data-offset', 'data-size'])('that lies about %s is not believed', async (name) => {
    await using device = await openDevice(`sim:v1,${small},chunk=256KiB,lie=${name}:0xfffffffffffff000`)
    const migration = await device.migration()
    const saving = await migration.save()
    await expect(drain(saving)).rejects.toMatchObject({
      code: expect.stringMatching(/^ERR_VFIO_(MALFORMED|CHUNK_TOO_LARGE)$/),
      recovery: { ok: true, state: 'running' },
    })
    expect(await migration.state()).toBe('running')
  })
})

describe.each([
  ['v1', `sim:v1,${small},chunk=256KiB`],
  ['v2', `sim:v2,${small}`],
] as const)('a %s migration', (protocol, spec) => {
  const states = (source: MigrationState, destination: MigrationState) => ({
    source: { state: source },
    destination: { state: destination },
  })
  const readFault = protocol === 'v1' ? 'fail=register-read:data-size:EIO:nth=3' : 'fail=read:EIO:nth=2'
  const writeFault =
    protocol === 'v1' ? 'fail=register-write:data-size:ENOSPC:nth=3' : 'fail=write:ENOSPC:nth=2'

  it('whose source fails to read has both running again', async () => {
    await using source = await openDevice(`${spec},${readFault}`)
    await using destination = await openDevice(spec)
    await expect(migrate(source, destination, { preCopy: true })).rejects.toMatchObject({
      code: 'EIO',
      phase: 'pre-copy',
      ...states('running', 'running'),
      sourceRecovery: { policy: 'previous', ok: true },
      destinationRecovery: { steps: ['reset'], ok: true },
    })
    expect(await migrate(source, destination)).toMatchObject(states('stop', 'running'))
  })

  it('whose destination fails to write has both running again', async () => {
    await using source = await openDevice(spec)
    await using destination = await openDevice(`${spec},${writeFault}`)
    await expect(migrate(source, destination)).rejects.toMatchObject({
      code: 'ENOSPC',
      phase: 'stop-copy',
      ...states('running', 'running'),
    })
  })

  it('whose destination refuses to resume never stops the source', async () => {
    await using source = await openDevice(spec)
    await using destination = await openDevice(`${spec},fail=set-state:resuming:EBUSY`)
    await expect(migrate(source, destination)).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      phase: 'prepare',
      ...states('running', 'running'),
      sourceRecovery: undefined,
    })
  })

  it('whose destination refuses what it was given has both running again', async () => {
    await using source = await openDevice(spec)
    await using destination = await openDevice(`${spec},fail=set-state:running:EINVAL`)
    await expect(migrate(source, destination)).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      phase: 'resume',
      ...states('running', 'running'),
      destinationRecovery: { steps: ['reset'], ok: true },
    })
  })

  it('whose destination can neither run nor be reset lets the source run only if the destination cannot', async () => {
    await using source = await openDevice(spec)
    const stuck = 'fail=set-state:running:EINVAL:count=9,fail=reset:EINVAL:count=9'
    await using destination = await openDevice(`${spec},${stuck}`)
    // v2 is stuck one hop further, in RUNNING_P2P, where a device works on what reaches it.
    const left = protocol === 'v1' ? states('running', 'resuming') : states('stop', 'running-p2p')
    await expect(migrate(source, destination)).rejects.toMatchObject({
      phase: 'resume',
      destinationRecovery: { ok: false },
      ...left,
    })
  })

  it('between devices of different size is refused before either is touched', async () => {
    await using source = await openDevice(spec)
    await using destination = await openDevice(spec.replace('2MiB', '4MiB'))
    await expect(migrate(source, destination)).rejects.toMatchObject({
      code: 'ERR_VFIO_INCOMPATIBLE',
      phase: 'check',
      ...states('running', 'running'),
    })
  })

  it('is stopped by a timeout while the source is slow to stop, and undone', async () => {
    await using source = await openDevice(`${spec},delay=set-state:stop-copy:150ms`)
    await using destination = await openDevice(spec)
    await expect(migrate(source, destination, { signal: AbortSignal.timeout(40) })).rejects.toMatchObject({
      name: 'AbortError',
      ...states('running', 'running'),
    })
  })
})

it('a device stuck in a state change can be reset, and the change says so', async () => {
  await using device = await openDevice(`sim:v2,${small},delay=set-state:stop-copy:10000ms`)
  const migration = await device.migration()
  const began = performance.now()
  const saving = migration.save()
  const refused = expect(saving).rejects.toMatchObject({ code: expect.any(String) })
  await new Promise((resolve) => setTimeout(resolve, 50))
  await device.reset()
  await refused
  expect(performance.now() - began).toBeLessThan(5000)
  expect(await migration.state()).toBe('running')
})

it('a driver that fails the pre-copy request is saved all the same', async () => {
  await using source = await openDevice(`sim:v2,${small},fail=precopy-info:EINVAL:count=99`)
  await using destination = await openDevice(`sim:v2,${small}`)
  expect(await migrate(source, destination, { preCopy: true })).toMatchObject({ ok: true })
})

it('a workload that outruns the save is switched when the time for pre-copy is over', async () => {
  await using source = await openDevice(`sim:v2,${small},dirty-rate=64MiB`)
  await using destination = await openDevice(`sim:v2,${small}`)
  const report = await migrate(source, destination, {
    preCopy: true,
    preCopyTimeout: 150,
    switchover: () => 'continue',
  })
  expect(report.phases.find(({ name }) => name === 'pre-copy')?.ms).toBeGreaterThanOrEqual(140)
})

it('the same of a v1 device, at a chunk border', async () => {
  await using source = await openDevice(`sim:v1,${small},chunk=256KiB,dirty-rate=64MiB`)
  await using destination = await openDevice(`sim:v1,${small},chunk=256KiB`)
  expect(
    await migrate(source, destination, {
      preCopy: true,
      preCopyTimeout: 150,
      switchover: () => 'continue',
    }),
  ).toMatchObject({ ok: true })
})

it('the stop-copy size is an estimate that may be missing', async () => {
  await using device = await openDevice(`sim:v2,${small}`)
  expect(await (await device.migration()).stopCopySize()).toBeGreaterThanOrEqual(2n ** 21n)
  await using without = await openDevice(`sim:v2,${small},fail=data-size:ENOTTY`)
  expect(await (await without.migration()).stopCopySize()).toBeUndefined()
})

it('a device without migration says what it answered', async () => {
  await using device = await openDevice('sim:none')
  await expect(device.migration()).rejects.toMatchObject({
    code: 'ERR_VFIO_NOT_MIGRATABLE',
    message: expect.stringContaining('ENOTTY'),
  })
})
