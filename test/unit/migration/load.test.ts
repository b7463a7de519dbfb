// SPDX-License-Identifier: MIT
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { describe, expect, it } from 'vitest'
import { FakeDevice, type FakeOptions } from './fake-device.js'

async function open(options: FakeOptions) {
  const fake = new FakeDevice(options)
  return { fake, migration: await fake.device.migration() }
}

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text)

describe.each(['v1', 'v2'] as const)('a %s load', (protocol) => {
  it('writes chunks in resuming and commits by leaving it', async () => {
    const { fake, migration } = await open({ protocol })
    const loading = await migration.load()
    expect(fake.stateName).toBe('resuming')
    await loading.write(bytes('ab'))
    await loading.write(bytes('c'))
    expect(loading.moved).toEqual({ bytes: 3, chunks: 2 })
    await loading.complete()
    expect([fake.stateName, fake.received]).toEqual(['running', ['ab', 'c']])
    await loading.close()
    expect(fake.log).not.toContain('reset')
    expect([loading.recovery, fake.openSessions]).toEqual([undefined, 0])
  })

  it('resets the device when it is closed before its completion', async () => {
    const { fake, migration } = await open({ protocol })
    {
      await using loading = await migration.load()
      await loading.write(bytes('a'))
    }
    expect(fake.stateName).toBe('running')
    expect(fake.log).toContain('reset')
    expect(fake.log.filter((line) => line === 'set 2' || line === 'write 1')).toEqual([])
  })

  it('resets the device when it refuses the data, and says so', async () => {
    const { fake, migration } = await open({ protocol })
    const loading = await migration.load()
    fake.failures.set('sink', { errno: -22, ends: 'keep' })
    await expect(loading.write(bytes('a'))).rejects.toMatchObject({
      code: 'EINVAL',
      recovery: { policy: 'reset', steps: ['reset'], ok: true, state: 'running' },
    })
    await expect(loading.complete()).rejects.toMatchObject({ code: 'EINVAL' })
  })

  it('resets the device when it refuses at the end', async () => {
    const { fake, migration } = await open({ protocol })
    const loading = await migration.load()
    fake.failures.set(protocol === 'v1' ? 'write 1' : 'set 2', { errno: -22, ends: 'keep' })
    await expect(loading.complete()).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      actual: 'resuming',
      recovery: { steps: ['reset'], ok: true },
    })
    expect(fake.stateName).toBe('running')
  })

  it('does not reset a device that refused to begin', async () => {
    const { fake, migration } = await open({ protocol })
    fake.failures.set(protocol === 'v1' ? 'write 4' : 'set 4', { errno: -16, ends: 'keep' })
    await expect(migration.load()).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      recovery: { steps: [], ok: true, state: 'running' },
    })
    expect(fake.log).not.toContain('reset')
  })

  it('says when not even a reset helped', async () => {
    const { fake, migration } = await open({ protocol })
    const loading = await migration.load()
    fake.failures.set('reset', { errno: -22, ends: 'keep' })
    await expect(loading.close()).rejects.toMatchObject({ recovery: { ok: false, state: 'resuming' } })
    await loading.close()
  })

  it('is reset on abort', async () => {
    const { fake, migration } = await open({ protocol })
    const abort = new AbortController()
    const loading = await migration.load({ signal: abort.signal })
    abort.abort()
    await expect(loading.write(bytes('a'))).rejects.toMatchObject({ name: 'AbortError' })
    await loading.close()
    expect([fake.stateName, loading.recovery?.steps]).toEqual(['running', ['reset']])
  })

  it('takes one call at a time', async () => {
    const { migration } = await open({ protocol })
    await using loading = await migration.load()
    const first = loading.write(bytes('a'))
    await expect(loading.write(bytes('b'))).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    await first
    await expect(migration.transition('running')).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
  })

  it('as a stream keeps the chunks apart, and leaves the completion to the caller', async () => {
    const { fake, migration } = await open({ protocol })
    await using loading = await migration.load()
    await pipeline(Readable.from([bytes('ab'), bytes('c'), bytes('def')]), loading.writable())
    expect([fake.received, fake.stateName]).toEqual([['ab', 'c', 'def'], 'resuming'])
    await loading.complete()
    expect(fake.stateName).toBe('running')
  })

  it('as a stream that is destroyed is given up', async () => {
    const { fake, migration } = await open({ protocol })
    const loading = await migration.load()
    const stream = loading.writable()
    await new Promise((resolve) => stream.destroy().once('close', resolve))
    expect([fake.stateName, loading.recovery?.steps]).toEqual(['running', ['reset']])
  })

  it('refuses a device that is being saved', async () => {
    const { fake, migration } = await open({ protocol, state: protocol === 'v1' ? 0b010 : 3 })
    await expect(migration.load()).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    expect(fake.stateName).toBe('stop-copy')
  })
})

it('v1 has no raw load and no stop at its end', async () => {
  const { migration } = await open({ protocol: 'v1' })
  await using loading = await migration.load()
  await expect(loading.loadFrom(0)).rejects.toMatchObject({ code: 'ERR_VFIO_CHUNK_BORDERS' })
  await expect(loading.complete('stop')).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
  await loading.complete()
})

it('a v2 load of a device left in resuming by somebody else is refused', async () => {
  const { migration } = await open({ protocol: 'v2', state: 4 })
  await expect(migration.load()).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE', message: /reset/ })
})

it('a v2 load can end in stop', async () => {
  const { fake, migration } = await open({ protocol: 'v2' })
  const loading = await migration.load()
  await loading.complete('stop')
  expect(fake.stateName).toBe('stop')
})
