// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { VfioMigrationError } from '../../../lib/errors/index.js'
import { type MigrateOptions, migrate } from '../../../lib/migration/migrate.js'
import type { MigrationProgress } from '../../../lib/migration/report.js'
import { FakeDevice, type FakeOptions } from './fake-device.js'

function pair(protocol: 'v1' | 'v2', options: Partial<FakeOptions> = {}) {
  const source = new FakeDevice({
    protocol,
    preCopy: ['ab', 'c'],
    stopCopy: ['d'],
    spec: 'source',
    ...options,
  })
  const destination = new FakeDevice({ protocol, spec: 'destination' })
  return {
    source,
    destination,
    run: (more?: MigrateOptions) => migrate(source.device, destination.device, more),
  }
}

async function failureOf(promise: Promise<unknown>): Promise<VfioMigrationError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(VfioMigrationError)
  return error as VfioMigrationError
}

const changes = (fake: FakeDevice): string[] => fake.log.filter((line) => /^(set|write|reset)/.test(line))

describe.each(['v1', 'v2'] as const)('a %s migration', (protocol) => {
  it('moves everything, chunk by chunk, and reports it', async () => {
    const { source, destination, run } = pair(protocol)
    const heard: MigrationProgress[] = []
    const report = await run({ preCopy: true, onProgress: (progress) => heard.push(progress) })
    expect(destination.received).toEqual(['ab', 'c', 'd'])
    expect(report).toMatchObject({
      ok: true,
      protocol,
      bytes: 4,
      source: { device: 'source', state: 'stop' },
      destination: { device: 'destination', state: 'running' },
    })
    expect(report.phases.map(({ name, bytes, chunks }) => [name, bytes, chunks])).toEqual([
      ['prepare', 0, 0],
      ['pre-copy', 3, 2],
      ['stop-copy', 1, 1],
      ['resume', 0, 0],
      ['finish', 0, 0],
    ])
    expect(report.downtimeMs).toBeGreaterThan(0)
    expect(report.downtimeMs).toBeLessThanOrEqual(report.totalMs)
    expect(new Set(heard.map(({ phase }) => phase))).toContain('stop-copy')
    expect([source.openSessions, destination.openSessions]).toEqual([0, 0])
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
  })

  it('asks the destination before the source, and stops the source after the destination runs', async () => {
    const { source, destination, run } = pair(protocol, { preCopy: [] })
    const order: string[] = []
    const name = (of: string, state: string) => () => void order.push(`${of} ${state}`)
    const [resuming, running] = protocol === 'v1' ? ['write 4', 'write 1'] : ['set 4', 'set 2']
    const [stopCopy, stop] = protocol === 'v1' ? ['write 2', 'write 0'] : ['set 3', 'set 1']
    destination.gates.set(resuming, name('destination', 'resuming'))
    destination.gates.set(running, name('destination', 'running'))
    source.gates.set(stopCopy, name('source', 'stop-copy'))
    source.gates.set(stop, name('source', 'stop'))
    const report = await run()
    expect(order).toEqual(['destination resuming', 'source stop-copy', 'destination running', 'source stop'])
    expect(report.phases.map((phase) => phase.name)).toEqual(['prepare', 'stop-copy', 'resume', 'finish'])
  })

  it('costs no downtime when the destination refuses', async () => {
    const { source, destination, run } = pair(protocol)
    destination.failures.set(protocol === 'v1' ? 'write 4' : 'set 4', { errno: -22, ends: 'keep' })
    const error = await failureOf(run())
    expect(error).toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      phase: 'prepare',
      source: { device: 'source', state: 'running' },
      destination: { device: 'destination', state: 'running' },
    })
    expect(changes(source)).toEqual([])
  })

  it('leads the source back and resets the destination when data is refused', async () => {
    const { source, destination, run } = pair(protocol)
    destination.failures.set('sink', { errno: -22, ends: 'keep' })
    const error = await failureOf(run({ preCopy: true }))
    expect(error).toMatchObject({
      code: 'EINVAL',
      phase: 'pre-copy',
      source: { state: 'running' },
      destination: { state: 'running' },
      sourceRecovery: { policy: 'previous', ok: true },
      destinationRecovery: { steps: ['reset'], ok: true },
    })
    expect(changes(source)).not.toContain('reset')
    expect(JSON.parse(JSON.stringify(error))).toMatchObject({
      code: 'EINVAL',
      source: { state: 'running', recovery: { ok: true } },
      destination: { state: 'running', recovery: { steps: ['reset'] } },
    })
  })

  it('undoes both when the source fails', async () => {
    const { source, destination, run } = pair(protocol)
    source.failures.set('read', { errno: -5, ends: 'keep' })
    const error = await failureOf(run())
    expect(error).toMatchObject({ code: 'EIO', phase: 'stop-copy', source: { state: 'running' } })
    expect(destination.log).toContain('reset')
  })

  it('lets the source run again when the destination fails to, and was reset', async () => {
    const { source, destination, run } = pair(protocol)
    destination.failures.set(protocol === 'v1' ? 'write 1' : 'set 2', { errno: -22, ends: 'keep' })
    const error = await failureOf(run())
    expect(error).toMatchObject({
      phase: 'resume',
      source: { state: 'running' },
      destination: { state: 'running' },
    })
    expect(destination.log).toContain('reset')
    expect(source.stateName).toBe('running')
  })

  it('leaves the source stopped when the destination failed, cannot be reset, and may be running', async () => {
    const { source, destination, run } = pair(protocol)
    destination.failures.set(protocol === 'v1' ? 'write 1' : 'set 2', { errno: -5, ends: 'requested' })
    destination.failures.set('reset', { errno: -22, ends: 'keep' })
    const error = await failureOf(run())
    expect(error).toMatchObject({
      phase: 'resume',
      source: { state: 'stop' },
      destination: { state: 'running' },
      destinationRecovery: { ok: false },
    })
    expect(source.stateName).toBe('stop')
  })

  it('never touches a destination that runs, when only the end of the source fails', async () => {
    const { source, destination, run } = pair(protocol)
    source.failures.set(protocol === 'v1' ? 'write 0' : 'set 1', { errno: -5, ends: 'keep' })
    const error = await failureOf(run())
    expect(error).toMatchObject({
      phase: 'finish',
      source: { state: 'stop-copy' },
      destination: { state: 'running' },
    })
    expect(destination.log).not.toContain('reset')
  })

  it('aborted, rolls both back', async () => {
    const { source, destination, run } = pair(protocol)
    const abort = new AbortController()
    const reason = new Error('enough')
    const error = await failureOf(
      run({
        preCopy: true,
        signal: abort.signal,
        switchover: () => {
          abort.abort(reason)
          return new Promise(() => {})
        },
      }),
    )
    expect(error).toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      source: { state: 'running' },
      destination: { state: 'running' },
      sourceRecovery: { ok: true },
      destinationRecovery: { steps: ['reset'] },
    })
    expect((error.cause as Error).cause).toBe(reason)
    expect(source.log).not.toContain('reset')
    expect(destination.log).toContain('reset')
  })

  it('is not aborted any more once the destination was told to run', async () => {
    const { destination, run } = pair(protocol)
    const abort = new AbortController()
    destination.gates.set(protocol === 'v1' ? 'write 1' : 'set 2', () => abort.abort())
    expect(await run({ signal: abort.signal })).toMatchObject({
      ok: true,
      source: { state: 'stop' },
      destination: { state: 'running' },
    })
  })

  it('aborted beforehand, touches nothing', async () => {
    const { source, destination, run } = pair(protocol)
    await failureOf(run({ signal: AbortSignal.abort() }))
    expect([changes(source), changes(destination)]).toEqual([[], []])
  })
})

describe('before either device is touched', () => {
  const refused = async (source: FakeDevice, destination: FakeDevice, code: string, message: RegExp) => {
    const error = await failureOf(migrate(source.device, destination.device))
    expect(error).toMatchObject({ code, phase: 'check', message: expect.stringMatching(message) })
    expect([changes(source), changes(destination)]).toEqual([[], []])
  }

  it('the protocols must agree', async () => {
    await refused(
      new FakeDevice({ protocol: 'v1' }),
      new FakeDevice({ protocol: 'v2' }),
      'ERR_VFIO_INCOMPATIBLE',
      /v1.*v2/,
    )
  })

  it('the BARs must agree, unless forced', async () => {
    const destination = new FakeDevice({ protocol: 'v2' })
    destination.bars = [8192n]
    const source = new FakeDevice({ protocol: 'v2' })
    await refused(source, destination, 'ERR_VFIO_INCOMPATIBLE', /BAR 0 has 8192 bytes, not 4096/)
    expect(await migrate(source.device, destination.device, { force: true })).toMatchObject({ ok: true })
  })

  it('a v1 destination needs room for the chunks', async () => {
    const destination = new FakeDevice({ protocol: 'v1' })
    destination.migrationRegionSize = 32_768n
    await refused(
      new FakeDevice({ protocol: 'v1' }),
      destination,
      'ERR_VFIO_INCOMPATIBLE',
      /migration region/,
    )
  })

  it('neither may be in error', async () => {
    await refused(
      new FakeDevice({ protocol: 'v2', state: 0 }),
      new FakeDevice({ protocol: 'v2' }),
      'ERR_VFIO_NO_ROUTE',
      /reset/,
    )
    await refused(
      new FakeDevice({ protocol: 'v1' }),
      new FakeDevice({ protocol: 'v1', state: 0b110 }),
      'ERR_VFIO_NO_ROUTE',
      /reset/,
    )
  })

  it('they must be two', async () => {
    const fake = new FakeDevice({ protocol: 'v2' })
    await expect(migrate(fake.device, fake.device)).rejects.toMatchObject({ code: 'ERR_VFIO_INCOMPATIBLE' })
  })
})
