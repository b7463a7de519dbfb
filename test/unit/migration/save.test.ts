// SPDX-License-Identifier: MIT

import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import type { PreCopySnapshot } from '../../../lib/migration/save-session.js'
import { FakeDevice, type FakeOptions } from './fake-device.js'

async function open(options: FakeOptions) {
  const fake = new FakeDevice(options)
  return { fake, migration: await fake.device.migration() }
}

async function textOf(chunks: AsyncIterable<{ data: Uint8Array }>): Promise<string[]> {
  const texts: string[] = []
  for await (const { data } of chunks) texts.push(new TextDecoder().decode(data))
  return texts
}

const both = ['v1', 'v2'] as const

describe.each(both)('a %s save', (protocol) => {
  it('goes through pre-copy and stop-copy, and ends in stop', async () => {
    const { fake, migration } = await open({ protocol, preCopy: ['a', 'b'], stopCopy: ['c'] })
    const saving = await migration.save({ preCopy: true })
    expect([saving.phase, saving.stoppedAt, await migration.state()]).toEqual([
      'pre-copy',
      undefined,
      'pre-copy',
    ])
    const phases: string[] = []
    for await (const { phase } of saving) phases.push(phase)
    expect(phases).toEqual(['pre-copy', 'pre-copy', 'stop-copy'])
    expect([saving.phase, saving.moved, saving.preCopied]).toEqual([
      'ended',
      { bytes: 3, chunks: 3 },
      { bytes: 2, chunks: 2 },
    ])
    await saving.complete()
    expect(fake.stateName).toBe('stop')
    await saving.close()
    expect(fake.stateName).toBe('stop')
    expect(saving.recovery).toBeUndefined()
    expect(fake.openSessions).toBe(0)
  })

  it('is read ahead only when the device has stopped: it is not to be read while its state changes', async () => {
    const { fake, migration } = await open({ protocol, preCopy: ['a', 'b'], stopCopy: ['c', 'd'] })
    await using saving = await migration.save({ preCopy: true })
    const phases: string[] = []
    for await (const { phase } of saving) phases.push(phase)
    expect(phases).toEqual(['pre-copy', 'pre-copy', 'stop-copy', 'stop-copy'])
    // a, b, nothing for now; c, d, the end.
    expect(fake.aheads).toEqual([false, false, false, true, true, true])
  })

  it('detaches each borrowed chunk at the next turn', async () => {
    const { migration } = await open({ protocol, stopCopy: ['a', 'b'] })
    await using saving = await migration.save()
    const held: Uint8Array[] = []
    for await (const { data } of saving) {
      expect(data.length).toBe(1)
      held.push(data)
    }
    expect(held.map(({ length }) => length)).toEqual([0, 0])
  })

  it('rolls back when closed early, step by step as the protocol demands', async () => {
    const { fake, migration } = await open({ protocol, stopCopy: ['a', 'b'] })
    const saving = await migration.save()
    for await (const _ of saving) break
    await saving.close()
    expect(fake.stateName).toBe('running')
    expect(saving.recovery).toMatchObject({ policy: 'previous', ok: true, state: 'running' })
    expect(saving.recovery?.steps).toEqual(
      protocol === 'v1' ? ['stop', 'running'] : ['stop', 'running-p2p', 'running'],
    )
    expect(fake.log).not.toContain('reset')
    expect(await migration.transition('stop')).toBe('stop')
  })

  it('asks the policy at each drained point, with what the device estimates', async () => {
    const { fake, migration } = await open({ protocol, preCopy: ['a'], stopCopy: [] })
    const seen: PreCopySnapshot[] = []
    await using saving = await migration.save({
      preCopy: true,
      switchover: (snapshot) => {
        seen.push(snapshot)
        if (seen.length === 1) fake.feed('bc')
        return seen.length < 3 ? 'continue' : 'switch'
      },
    })
    expect(await textOf(saving)).toEqual(['a', 'bc'])
    expect(seen.map(({ round, bytes }) => [round, bytes])).toEqual([
      [1, 1],
      [2, 3],
      [3, 3],
    ])
    if (protocol === 'v2') {
      expect(seen[0]).toMatchObject({ initialBytes: 0n, dirtyBytes: 0n, pendingBytes: undefined })
      expect(fake.log.filter((line) => line === 'precopy-info')).toHaveLength(3)
    } else {
      expect(seen[0]).toMatchObject({ initialBytes: undefined, pendingBytes: 0n })
    }
  })

  it('rolls back and lets the error of a policy through', async () => {
    const { fake, migration } = await open({ protocol, preCopy: ['a'] })
    const oops = new TypeError('oops')
    const saving = await migration.save({
      preCopy: true,
      switchover: () => {
        throw oops
      },
    })
    await expect(textOf(saving)).rejects.toBe(oops)
    expect(fake.stateName).toBe('running')
    expect(saving.recovery?.ok).toBe(true)
  })

  it('switches on request, at a border', async () => {
    const { migration } = await open({ protocol, preCopy: ['a', 'b'], stopCopy: ['c'] })
    await using saving = await migration.save({ preCopy: true, switchover: () => 'continue' })
    const seen: string[] = []
    for await (const { data, phase } of saving) {
      seen.push(`${new TextDecoder().decode(data)} ${phase}`)
      if (seen.length === 1) await saving.switchover()
    }
    expect(seen).toEqual(['a pre-copy', 'b stop-copy', 'c stop-copy'])
    expect(saving.stoppedAt).toBeTypeOf('number')
  })

  it('switches while the policy thinks, and when its time is over', async () => {
    const { migration } = await open({ protocol, preCopy: ['a'], stopCopy: ['b'] })
    const never = new Promise<'switch'>(() => {})
    await using saving = await migration.save({ preCopy: true, switchover: () => never, preCopyTimeout: 20 })
    expect(await textOf(saving)).toEqual(['a', 'b'])
  })

  it('rolls back on abort and says so', async () => {
    const { fake, migration } = await open({ protocol, preCopy: ['a'] })
    const abort = new AbortController()
    const reason = new Error('enough')
    const saving = await migration.save({
      preCopy: true,
      signal: abort.signal,
      switchover: () => {
        abort.abort(reason)
        return new Promise(() => {})
      },
    })
    await expect(textOf(saving)).rejects.toMatchObject({
      name: 'AbortError',
      cause: reason,
      recovery: { policy: 'previous', ok: true, state: 'running' },
    })
    expect(fake.stateName).toBe('running')
    await saving.close()
    expect(await migration.transition('stop')).toBe('stop')
  })

  it('wakes a read that hangs when it is closed', async () => {
    const { fake, migration } = await open({ protocol })
    fake.gates.set('read', () => new Promise(() => {}))
    const saving = await migration.save()
    const reading = textOf(saving)
    await saving.close()
    await expect(reading).rejects.toMatchObject({ code: 'ERR_VFIO_SESSION_ENDED' })
    expect(fake.stateName).toBe('running')
  })

  it('leaves a lent chunk attached while an abort rolls the device back', async () => {
    const { fake, migration } = await open({ protocol, stopCopy: ['a', 'b'] })
    const abort = new AbortController()
    const saving = await migration.save({ signal: abort.signal })
    const chunks = saving[Symbol.asyncIterator]()
    const first = (await chunks.next()).value
    abort.abort()
    while (saving.recovery === undefined) await new Promise(setImmediate)
    expect(fake.stateName).toBe('running')
    expect(first?.data.length).toBe(1)
    await expect(chunks.next()).rejects.toMatchObject({ code: 'ABORT_ERR' })
    expect(first?.data.length).toBe(0)
  })

  it('records the recovery in the error of a failed read', async () => {
    const { fake, migration } = await open({ protocol })
    const saving = await migration.save()
    fake.failures.set('read', { errno: -5, ends: 'keep' })
    await expect(textOf(saving)).rejects.toMatchObject({
      code: 'EIO',
      recovery: { policy: 'previous', ok: true, state: 'running' },
    })
    await saving.close()
  })

  it.each([
    ['none', 'stop-copy', []],
    ['stop', 'stop', ['stop']],
  ] as const)('follows the recovery policy %s', async (recovery, state, steps) => {
    const { fake, migration } = await open({ protocol })
    const saving = await migration.save({ recovery })
    await saving.close()
    expect(fake.stateName).toBe(state)
    expect(saving.recovery).toMatchObject({ policy: recovery, ok: true, steps })
  })

  it('resets a source only when asked to, and only as the last resort', async () => {
    for (const recovery of ['previous', 'reset'] as const) {
      const { fake, migration } = await open({ protocol })
      const saving = await migration.save({ recovery })
      fake.failures.set('write 0', { errno: -5, ends: 'keep' })
      fake.failures.set('set 2', { errno: -5, ends: 'keep' })
      if (recovery === 'reset') {
        await saving.close()
        expect(saving.recovery).toMatchObject({ ok: true, steps: ['reset'], state: 'running' })
      } else {
        await expect(saving.close()).rejects.toMatchObject({ recovery: { ok: false, state: 'stop-copy' } })
        expect(fake.log).not.toContain('reset')
      }
      await saving.close()
    }
  })

  it('recovers from a start that failed', async () => {
    const { fake, migration } = await open({ protocol })
    fake.failures.set(protocol === 'v1' ? 'write 2' : 'set 3', { errno: -24, ends: 'requested' })
    await expect(migration.save()).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      actual: 'stop-copy',
      recovery: { ok: true, state: 'running' },
    })
    expect(fake.stateName).toBe('running')
    expect(await migration.transition('stop')).toBe('stop')
  })

  it('does not roll back a completion that failed: the state may run elsewhere', async () => {
    const { fake, migration } = await open({ protocol, stopCopy: [] })
    const saving = await migration.save()
    await textOf(saving)
    fake.failures.set(protocol === 'v1' ? 'write 0' : 'set 1', { errno: -5, ends: 'keep' })
    await expect(saving.complete()).rejects.toMatchObject({ code: 'ERR_VFIO_TRANSITION' })
    await saving.close()
    expect(fake.stateName).toBe('stop-copy')
  })

  it('is one operation at a time, read once, and completed only at its end', async () => {
    const { migration } = await open({ protocol, stopCopy: ['a', 'b'] })
    const saving = await migration.save()
    for (const other of [
      () => migration.save(),
      () => migration.load(),
      () => migration.transition('stop'),
    ]) {
      await expect(other()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    }
    await expect(saving.complete()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    for await (const _ of saving) break
    expect(() => saving.readable()).toThrow(expect.objectContaining({ code: 'ERR_VFIO_BUSY' }))
    await saving.close()
    await expect(saving.pipeTo(1)).rejects.toMatchObject({ code: 'ERR_VFIO_SESSION_ENDED' })
    await expect(saving.complete()).rejects.toMatchObject({ code: 'ERR_VFIO_SESSION_ENDED' })
  })

  it('as a stream ends with the data, and rolls back when destroyed', async () => {
    const { fake, migration } = await open({ protocol, stopCopy: ['a', 'b'] })
    const saving = await migration.save()
    const kept: Buffer[] = []
    await pipeline(
      saving.readable(),
      new Writable({
        write: (chunk: Buffer, _encoding, callback) => {
          kept.push(chunk)
          setTimeout(callback, 2)
        },
      }),
    )
    expect(Buffer.concat(kept).toString()).toBe('ab')
    await saving.complete()
    expect(fake.stateName).toBe('stop')
    await migration.transition('running')
    const second = await migration.save()
    const stream = second.readable()
    await new Promise((resolve) => stream.destroy().once('close', resolve))
    expect(fake.stateName).toBe('running')
  })
})

it('a v1 save of a stopped device needs to be asked for the arc that not all drivers take', async () => {
  const { fake, migration } = await open({ protocol: 'v1', state: 0 })
  await expect(migration.save()).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE', message: /direct/ })
  expect(fake.stateName).toBe('stop')
  const saving = await migration.save({ direct: true })
  await saving.close()
  expect(fake.stateName).toBe('stop')
})

it('a v2 save of a stopped device never starts it', async () => {
  const { fake, migration } = await open({ protocol: 'v2', state: 1 })
  const saving = await migration.save({ preCopy: true })
  expect(saving.phase).toBe('stop-copy')
  await saving.close()
  expect(fake.stateName).toBe('stop')
  expect(fake.log.filter((line) => line.startsWith('set'))).toEqual(['set 3', 'set 1'])
})

it('a v2 save tolerates a driver that fails the pre-copy request', async () => {
  const { fake, migration } = await open({ protocol: 'v2', preCopy: ['a'] })
  fake.failures.set('precopy-info', { errno: -22, ends: 'keep' })
  let seen: PreCopySnapshot | undefined
  await using saving = await migration.save({
    preCopy: true,
    switchover: (snapshot) => {
      seen = snapshot
      return 'switch'
    },
  })
  await textOf(saving)
  expect(seen).toMatchObject({ initialBytes: undefined, dirtyBytes: undefined })
})

it('a v2 save of a device left in stop-copy begins a new session', async () => {
  const { fake, migration } = await open({ protocol: 'v2', state: 3 })
  await using saving = await migration.save()
  expect(await textOf(saving)).toEqual(['stop'])
  expect(fake.log.filter((line) => line.startsWith('set'))).toEqual(['set 1', 'set 3'])
})

it('a save goes on from the state that a transition led to', async () => {
  const { fake, migration } = await open({ protocol: 'v2' })
  await migration.transition('pre-copy')
  const saving = await migration.save({ preCopy: true })
  expect([fake.sessions, saving.phase]).toEqual([1, 'pre-copy'])
  await saving.close()
  expect(fake.stateName).toBe('running')
})

it('a save that goes on from a transition out of resuming never rolls back into it', async () => {
  const { fake, migration } = await open({ protocol: 'v2' })
  await migration.transition('resuming')
  await migration.transition('stop-copy')
  const saving = await migration.save()
  await saving.close()
  expect(fake.stateName).toBe('running')
})

it.each([{ bufferSize: 4096 }, { bufferSize: 2 ** 24 }, { maxChunk: 0 }, { preCopyTimeout: Number.NaN }])(
  'impossible numbers are refused before the device is touched: %o',
  async (options) => {
    const { fake, migration } = await open({ protocol: 'v2' })
    await expect(migration.save(options)).rejects.toBeInstanceOf(RangeError)
    expect(fake.log).toEqual([])
  },
)

it('a limit longer than any timer is no limit, not one that is over at once', async () => {
  const { migration } = await open({ protocol: 'v2', preCopy: ['a'], stopCopy: [] })
  const rounds: number[] = []
  await using saving = await migration.save({
    preCopy: true,
    preCopyTimeout: 2 ** 40,
    switchover: ({ round }) => {
      rounds.push(round)
      return round < 3 ? 'continue' : 'switch'
    },
  })
  await textOf(saving)
  expect(rounds).toEqual([1, 2, 3])
})
