// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { migrate } from '../../../lib/index.js'
import type { Backend } from './backend.js'

/** How saves and loads begin, end and are ended. */
export function sessionsContract(backend: Backend): void {
  it('a save ends with its data and completes into stop', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    await using saving = await migration.save()
    expect([saving.phase, await migration.state()]).toEqual(['stop-copy', 'stop-copy'])
    let bytes = 0
    for await (const { data, phase } of saving) {
      expect(phase).toBe('stop-copy')
      expect(data.length).toBeGreaterThan(0)
      bytes += data.length
    }
    expect([saving.phase, saving.moved.bytes]).toEqual(['ended', bytes])
    await saving.complete()
    expect(await migration.state()).toBe('stop')
    expect(await migration.transition('running')).toBe('running')
  })

  it('a chunk is gone at the next turn', async () => {
    await using device = await backend.open()
    await using saving = await (await device.migration()).save({ bufferSize: 65_536 })
    const chunks = saving[Symbol.asyncIterator]()
    const first = await chunks.next()
    expect(first.value?.data.length).toBeGreaterThan(0)
    await chunks.next()
    expect(first.value?.data.length).toBe(0)
    await saving.close()
  })

  it('a save aborted between two chunks rolls back', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    const abort = new AbortController()
    const saving = await migration.save({ signal: abort.signal, bufferSize: 65_536 })
    const reading = (async () => {
      for await (const _ of saving) abort.abort(new Error('enough'))
    })()
    await expect(reading).rejects.toMatchObject({
      code: 'ABORT_ERR',
      recovery: { ok: true, state: 'running' },
    })
    expect(await migration.state()).toBe('running')
    expect(await migration.transition('stop')).toBe('stop')
  })

  it('a save is refused while another is in progress, and the device can be reset meanwhile', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    const saving = await migration.save()
    await expect(migration.save()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    await expect(migration.transition('stop')).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    await device.reset()
    expect(await migration.state()).toBe('running')
    await saving.close()
    expect(await migration.state()).toBe('running')
  })

  it('a device closed under its save ends it', async () => {
    const device = await backend.open()
    const saving = await (await device.migration()).save()
    const closing = device.close()
    await expect(
      (async () => {
        for await (const _ of saving) {
          // To the end, if the close is late.
        }
        await saving.complete()
      })(),
    ).rejects.toThrow()
    await saving.close().catch(() => {})
    await closing
  })

  it('a load commits into running', async () => {
    await using source = await backend.open()
    await using destination = await backend.open()
    const report = await migrate(source, destination)
    expect(report.protocol).toBe(backend.protocol)
    expect(report.downtimeMs).toBeLessThanOrEqual(report.totalMs)
    expect(await (await destination.migration()).state()).toBe('running')
    expect(await (await source.migration()).state()).toBe('stop')
  })

  it('a migration aborted on its way leaves both running', async () => {
    await using source = await backend.open()
    await using destination = await backend.open()
    const abort = new AbortController()
    const migrating = migrate(source, destination, {
      preCopy: backend.preCopy,
      signal: abort.signal,
      onProgress: ({ phase }) => {
        if (phase !== 'prepare') abort.abort()
      },
    })
    await expect(migrating).rejects.toMatchObject({
      name: 'AbortError',
      source: { state: 'running' },
      destination: { state: 'running' },
    })
    expect(await migrate(source, destination)).toMatchObject({ ok: true })
  })

  it('a hook is awaited before the device stops, and another before it runs again', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    const found: string[] = []
    const saving = await migration.save({
      beforeStop: async () => void found.push(await migration.state()),
      beforeRun: async () => void found.push(await migration.state()),
    })
    expect([await migration.state(), saving.quiescedAt !== undefined]).toEqual(['stop-copy', backend.p2p])
    await saving.close()
    expect(found).toEqual(backend.p2p ? ['running-p2p', 'running-p2p'] : ['running', 'stop'])
    expect(await migration.state()).toBe('running')
  })

  it('a save whose hook rejects is rolled back before the device stopped', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    const late = new Error('another device did not come')
    await expect(migration.save({ beforeStop: () => Promise.reject(late) })).rejects.toBe(late)
    expect(await migration.state()).toBe('running')
    await (await migration.save()).close()
  })

  if (backend.p2p) {
    it('a load can wait in running-p2p', async () => {
      await using source = await backend.open()
      await using destination = await backend.open()
      const migration = await destination.migration()
      await using saving = await (await source.migration()).save()
      await using loading = await migration.load()
      await saving.pipeInto(loading)
      await loading.complete('running-p2p')
      expect(await migration.state()).toBe('running-p2p')
      expect(await migration.transition('running')).toBe('running')
      await saving.complete()
    })
  }

  if (backend.preCopy) {
    it('a pre-copy that waits before its stop is quiet, and one that is given up runs on', async () => {
      await using device = await backend.open()
      const migration = await device.migration()
      const found: string[] = []
      const saving = await migration.save({
        preCopy: true,
        beforeStop: async () => void found.push(await migration.state()),
      })
      for await (const _ of saving) {
        // To its end.
      }
      expect(found).toEqual([backend.p2p ? 'pre-copy-p2p' : 'pre-copy'])
      await saving.complete()
      await migration.transition('running')
      const given = await migration.save({ preCopy: true, switchover: () => 'abort' })
      const reading = (async () => {
        for await (const _ of given) {
          // Until the policy is asked.
        }
      })()
      await expect(reading).rejects.toMatchObject({ code: 'ERR_VFIO_NO_CONVERGENCE' })
      expect(await migration.state()).toBe('running')
    })

    it('a pre-copy is asked again until the policy says switch', async () => {
      await using device = await backend.open()
      const rounds: number[] = []
      await using saving = await (await device.migration()).save({
        preCopy: true,
        switchover: ({ round, bytes, pendingBytes, initialBytes }) => {
          rounds.push(round)
          expect(bytes).toBeGreaterThan(0)
          const estimate = backend.protocol === 'v1' ? pendingBytes : initialBytes
          const expected = backend.protocol === 'v1' || backend.estimates !== false
          expect(typeof estimate).toBe(expected ? 'bigint' : 'undefined')
          return round < 3 ? 'continue' : 'switch'
        },
      })
      const phases = new Set<string>()
      for await (const { phase } of saving) phases.add(phase)
      expect(rounds).toEqual([1, 2, 3])
      expect(phases).toContain('pre-copy')
      expect(saving.stoppedAt).toBeTypeOf('number')
      await saving.complete()
    })
  }
}

/** What only a device that checks its own format can tell. */
export function refusalsContract(backend: Backend): void {
  const partly =
    (backend.refusesPart ?? true)
      ? 'refuses a load that is not whole, and is reset'
      : 'does not notice a load that is not whole'
  it(partly, async () => {
    await using source = await backend.open()
    await using destination = await backend.open()
    await using saving = await (await source.migration()).save()
    await using loading = await (await destination.migration()).load()
    for await (const { data } of saving) {
      await loading.write(data)
      break
    }
    if (backend.refusesPart ?? true) {
      await expect(loading.complete()).rejects.toMatchObject({
        code: 'ERR_VFIO_TRANSITION',
        recovery: { steps: ['reset'], ok: true, state: 'running' },
      })
    } else {
      await loading.complete()
    }
    expect(await (await destination.migration()).state()).toBe('running')
  })

  it('refuses data that is none of its own, and is reset', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    await using loading = await migration.load()
    await expect(
      (async () => {
        await loading.write(new Uint8Array(4096).fill(0xa5))
        await loading.complete()
      })(),
    ).rejects.toMatchObject({ recovery: { steps: ['reset'], ok: true } })
    expect(await migration.state()).toBe('running')
  })

  if (backend.protocol === 'v1') {
    it('refuses chunks in another order', async () => {
      await using source = await backend.open()
      await using destination = await backend.open()
      await using saving = await (await source.migration()).save()
      await using loading = await (await destination.migration()).load()
      const chunks: Uint8Array[] = []
      for await (const { data } of saving) chunks.push(data.slice())
      expect(chunks.length).toBeGreaterThan(1)
      await expect(
        (async () => {
          for (const chunk of chunks.reverse()) await loading.write(chunk)
          await loading.complete()
        })(),
      ).rejects.toMatchObject({ recovery: { steps: ['reset'], ok: true } })
    })

    it('refuses chunks of other sizes', async () => {
      await using source = await backend.open()
      await using destination = await backend.open()
      await using saving = await (await source.migration()).save()
      await using loading = await (await destination.migration()).load()
      await expect(
        (async () => {
          for await (const { data } of saving) {
            const copy = data.slice()
            await loading.write(copy.subarray(0, copy.length / 2))
            await loading.write(copy.subarray(copy.length / 2))
          }
          await loading.complete()
        })(),
      ).rejects.toMatchObject({ recovery: { steps: ['reset'], ok: true } })
    })
  }
}
