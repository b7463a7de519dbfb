// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { VfioTransitionError } from '../../../lib/errors/index.js'
import { FakeDevice } from './fake-device.js'

async function open(state: number) {
  const fake = new FakeDevice({ protocol: 'v1', state })
  return { fake, migration: await fake.device.migration() }
}

const writes = (fake: FakeDevice): string[] => fake.log.filter((line) => line.startsWith('write'))

async function failureOf(promise: Promise<unknown>): Promise<VfioTransitionError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  expect(error).toBeInstanceOf(VfioTransitionError)
  return error as VfioTransitionError
}

describe('a v1 transition', () => {
  it('reads before each write and after the last, one register at a time', async () => {
    const { fake, migration } = await open(0b011)
    expect(await migration.transition('running')).toBe('running')
    expect(fake.log).toEqual(['get', 'write 2', 'get', 'write 0', 'get', 'write 1', 'get'])
  })

  it('writes nothing when the device is there already', async () => {
    const { fake, migration } = await open(0b001)
    expect(await migration.transition('running')).toBe('running')
    expect(writes(fake)).toEqual([])
  })

  it('writes bits 3-31 back as the device last showed them', async () => {
    const { fake, migration } = await open(0x8000_00f9)
    fake.strays.set(`write ${0x8000_00fa}`, 0x4000_0002)
    await migration.transition('stop').then(() => migration.transition('running'))
    expect(await migration.reservedBits()).toBe(0x8000_00f8)
    await migration.transition('stop-copy')
    expect(await migration.reservedBits()).toBe(0x4000_0000)
    await migration.transition('stop')
    expect(writes(fake)).toEqual([
      `write ${0x8000_00f8}`,
      `write ${0x8000_00f9}`,
      `write ${0x8000_00fa}`,
      `write ${0x4000_0000}`,
    ])
  })

  it('takes the direct arc only on request', async () => {
    const { fake, migration } = await open(0b011)
    await migration.transition('running', { direct: true })
    expect(writes(fake)).toEqual(['write 1'])
  })

  it('reports a refused write with the state that was read afterwards', async () => {
    const { fake, migration } = await open(0b011)
    fake.failures.set('write 0', { errno: -22, ends: 'keep' })
    const error = await failureOf(migration.transition('running'))
    expect(error).toMatchObject({
      from: 'pre-copy',
      to: 'running',
      path: ['pre-copy', 'stop-copy', 'stop', 'running'],
      failed: ['stop-copy', 'stop'],
      actual: 'stop-copy',
      errno: -22,
      errnoName: 'EINVAL',
    })
    expect(writes(fake)).toEqual(['write 2', 'write 0'])
  })

  it('sees the error state behind a failed write', async () => {
    const { fake, migration } = await open(0b001)
    fake.failures.set('write 4', { errno: -5, ends: 0b110 })
    expect(await failureOf(migration.transition('resuming'))).toMatchObject({ actual: 'error', errno: -5 })
  })

  it('sees the error state behind a write that succeeded', async () => {
    const { fake, migration } = await open(0b001)
    fake.strays.set('write 0', 0b110)
    const error = await failureOf(migration.transition('stop'))
    expect(error).toMatchObject({ actual: 'error', errno: 0, failed: ['running', 'stop'] })
    expect(error.errnoName).toBeUndefined()
  })

  it('says unknown when the device cannot be asked any more', async () => {
    const { fake, migration } = await open(0b001)
    fake.failures.set('write 0', { errno: -5, ends: 'keep' })
    fake.gates.set('write 0', () => void fake.failures.set('get', { errno: -19, ends: 'keep' }))
    expect(await failureOf(migration.transition('stop'))).toMatchObject({ actual: 'unknown', errno: -5 })
  })

  it.each([0b110, 0b101, 0b111])('does not write to a device in state %i', async (state) => {
    const { fake, migration } = await open(state)
    for (const target of ['running', 'stop', 'resuming'] as const) {
      await expect(migration.transition(target)).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
      await expect(migration.transition(target, { direct: true })).rejects.toMatchObject({
        code: 'ERR_VFIO_NO_ROUTE',
      })
    }
    expect(writes(fake)).toEqual([])
  })

  it('has no P2P states', async () => {
    const { migration } = await open(0b001)
    await expect(migration.transition('running-p2p')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
  })

  it('stops before the next arc when aborted', async () => {
    const { fake, migration } = await open(0b011)
    const abort = new AbortController()
    const reason = new Error('enough')
    fake.gates.set('write 2', () => abort.abort(reason))
    await expect(migration.transition('running', { signal: abort.signal })).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
      cause: reason,
    })
    expect(await migration.state()).toBe('stop-copy')
  })

  it('is refused while another operation is in progress, and not queued', async () => {
    const { migration } = await open(0b001)
    const first = migration.transition('stop')
    await expect(migration.transition('running')).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    expect(await migration.state()).toMatch(/running|stop/)
    expect(await first).toBe('stop')
    expect(await migration.transition('running')).toBe('running')
  })
})
