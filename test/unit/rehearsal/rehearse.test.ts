// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import {
  checkPrediction,
  openDevice,
  type Prediction,
  parsePrediction,
  preCopiesByDefault,
  rehearsalWarnings,
  rehearse,
} from '../../../lib/index.js'
import { effectiveRate } from '../../../lib/rehearsal/void-pump.js'
import { FakeDevice, type FakeOptions } from '../migration/fake-device.js'

const v2 = { protocol: 'v2', preCopy: ['a'], stopCopy: ['bc'] } as const
const states = (fake: FakeDevice): string[] => fake.log.filter((line) => /^(set|write) \d/.test(line))

function partOf(prediction: Prediction, name: string) {
  return prediction.downtime.parts.find((part) => part.name === name)
}

describe('a rehearsal', () => {
  it.each<{ title: string; options: FakeOptions; asked: Parameters<typeof rehearse>[1]; path: string[] }>([
    { title: 'goes to pre-copy and back', options: v2, asked: {}, path: ['set 6', 'set 2'] },
    { title: 'touches nothing', options: v2, asked: { preCopy: false }, path: [] },
    {
      title: 'quiets the device when that is asked for',
      options: v2,
      asked: { quiesce: true },
      path: ['set 6', 'set 7', 'set 5', 'set 2'],
    },
    {
      title: 'quiets it without pre-copy',
      options: v2,
      asked: { preCopy: false, quiesce: true },
      path: ['set 5', 'set 2'],
    },
    {
      title: 'stops it when that is asked for',
      options: v2,
      asked: { stop: true },
      path: ['set 6', 'set 3', 'set 1', 'set 2'],
    },
    {
      title: 'stops it without pre-copy',
      options: { ...v2, flags: 0b11n },
      asked: { stop: true },
      path: ['set 3', 'set 1', 'set 2'],
    },
    {
      title: 'stops a v1 device by the portable way',
      options: { ...v2, protocol: 'v1' },
      asked: { stop: true },
      path: ['write 3', 'write 2', 'write 0', 'write 1'],
    },
  ])('$title, and leaves it running', async ({ options, asked, path }) => {
    const fake = new FakeDevice(options)
    await rehearse(fake.device, asked)
    expect([states(fake), fake.stateName, fake.openSessions]).toEqual([path, 'running', 0])
  })

  it('never stops a device by a policy that gives up, or by its time-out', async () => {
    const given = new FakeDevice(v2)
    const prediction = await rehearse(given.device, {
      stop: true,
      switchover: () => ({ decision: 'abort', reason: 'no' }),
    })
    expect(states(given)).toEqual(['set 6', 'set 2'])
    expect(prediction.switchover).toEqual({ decision: 'abort', rounds: 1, reason: 'no' })
    const late = new FakeDevice(v2)
    const other = await rehearse(late.device, { switchover: () => 'continue', preCopyTimeout: 50 })
    expect(states(late)).toEqual(['set 6', 'set 2'])
    expect(other.switchover?.reason).toMatch(/longer than its 50 ms/)
  })

  it('says what was measured, what was assumed and what is unknown', async () => {
    const estimated = await rehearse(new FakeDevice(v2).device)
    expect(estimated).toMatchObject({ steps: ['pre-copy'], downtime: { atLeast: false } })
    expect(partOf(estimated, 'stop')).toMatchObject({ basis: 'assumed' })
    expect(estimated.stopCopyBytes).toMatchObject({ value: 4, basis: 'assumed' })
    const stopped = await rehearse(new FakeDevice(v2).device, { quiesce: true, stop: true })
    expect(stopped.steps).toEqual(['pre-copy', 'quiesce', 'stop'])
    for (const name of ['quiesce', 'stop', 'drain']) expect(partOf(stopped, name)?.basis).toBe('measured')
    expect(stopped.stopCopyBytes).toMatchObject({ value: 2, basis: 'measured' })
    const mute = await rehearse(new FakeDevice({ ...v2, protocol: 'v1' }).device, { preCopy: false })
    expect(mute).toMatchObject({ steps: [], downtime: { ms: 0, atLeast: true } })
    expect(partOf(mute, 'drain')?.basis).toBe('unknown')
  })

  it('fails when the device cannot be led back, and says where it is', async () => {
    const fake = new FakeDevice(v2)
    fake.failures.set('set 2', { errno: -5, ends: 'keep' })
    await expect(rehearse(fake.device)).rejects.toMatchObject({
      code: 'ERR_VFIO_TRANSITION',
      recovery: { ok: false, state: 'pre-copy' },
    })
  })

  it('begins with a running device, or not at all', async () => {
    const fake = new FakeDevice({ ...v2, state: 1 })
    await expect(rehearse(fake.device, { stop: true })).rejects.toMatchObject({ code: 'ERR_VFIO_NO_ROUTE' })
    expect(states(fake)).toEqual([])
    await expect(rehearse(fake.device, { bandwidth: 0 })).rejects.toBeInstanceOf(RangeError)
  })

  it('is aborted like any other save', async () => {
    const fake = new FakeDevice(v2)
    const abort = new AbortController()
    const rehearsing = rehearse(fake.device, {
      signal: abort.signal,
      switchover: () => {
        abort.abort()
        return 'continue'
      },
    })
    await expect(rehearsing).rejects.toMatchObject({ name: 'AbortError' })
    expect(fake.stateName).toBe('running')
  })

  it('learns what a device dirties', async () => {
    await using device = await openDevice('sim:v2,state=64MiB,dirty-rate=40MiB')
    const { dirtyRate, readRate } = await rehearse(device)
    expect(dirtyRate?.value).toBeGreaterThan(30 * 2 ** 20)
    expect(dirtyRate?.value).toBeLessThan(50 * 2 ** 20)
    expect(readRate.basis).toBe('measured')
  })
})

it('a driver that may fail to leave pre-copy is not led there without being asked for it', () => {
  const capabilities = { preCopy: true, p2p: true, flags: 7n, dataSection: undefined }
  expect(preCopiesByDefault('mlx5_vfio_pci', capabilities)).toBe(false)
  expect(preCopiesByDefault('virtio_vfio_pci', capabilities)).toBe(true)
  expect(preCopiesByDefault('virtio_vfio_pci', { ...capabilities, preCopy: false })).toBe(false)
  const all = { preCopy: true, quiesce: true, stop: true }
  expect(rehearsalWarnings('mlx5_vfio_pci', true, all).join('\n')).toMatch(/leaving pre-copy can fail/)
  expect(rehearsalWarnings('qat_vfio_pci', true, all).join('\n')).toMatch(/full suspend/)
  expect(rehearsalWarnings('qat_vfio_pci', true, { ...all, quiesce: false }).join('\n')).not.toMatch(
    /suspend/,
  )
})

it('on this host reading and loading take turns; on the way to another the slowest counts', () => {
  expect(effectiveRate(100, {})).toBe(50)
  expect(effectiveRate(100, { loadRate: 300 })).toBeCloseTo(75)
  expect(effectiveRate(100, { bandwidth: 80 })).toBe(80)
  expect(effectiveRate(100, { bandwidth: 80, loadRate: 30 })).toBe(30)
  expect(effectiveRate(100, { bandwidth: 800 })).toBe(100)
})

it('a prediction survives being kept, and nothing else is taken for one', async () => {
  const prediction = await rehearse(new FakeDevice(v2).device)
  expect(parsePrediction(JSON.stringify(prediction))).toEqual(prediction)
  for (const text of ['', '{}', 'null', JSON.stringify({ ...prediction, version: 2 })]) {
    expect(() => parsePrediction(text)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_MALFORMED' }))
  }
})

it('a prediction is held against the fact, as far as both have the same parts', async () => {
  const prediction = await rehearse(new FakeDevice(v2).device, { stop: true })
  const part = (name: string, value: number) => ({ name, value, basis: 'measured', how: '' }) as const
  const parts = [
    part('stop', 10),
    part('drain', 20),
    part('load', 30),
    part('resume', 40),
  ] as Prediction['downtime']['parts']
  const check = checkPrediction(
    { ...prediction, bytes: 90, totalMs: 200, downtime: { ms: 100, atLeast: false, parts } },
    {
      bytes: 100,
      totalMs: 160,
      downtimeMs: 125,
      downtime: {
        parts: [
          { name: 'stop', ms: 20 },
          { name: 'transfer', ms: 60 },
          { name: 'wiring', ms: 5 },
        ],
      },
    },
  )
  expect(check.downtimeMs).toEqual({ predicted: 100, actual: 125, error: -0.2 })
  expect([check.bytes.error, check.totalMs.error]).toEqual([-0.1, 0.25])
  expect(check.parts).toMatchObject({
    stop: { predicted: 10, actual: 20 },
    data: { predicted: 50, actual: 65 },
  })
  expect(check.parts).not.toHaveProperty('resume')
})
