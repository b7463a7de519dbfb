// SPDX-License-Identifier: MIT
import { closeSync, openSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { DataSource, Pumped } from '../../../lib/device/data-source.js'
import { RateLimit } from '../../../lib/device/rate-limit.js'
import { openDevice } from '../../../lib/index.js'

const MiB = 1024 * 1024
const STOP_COPY = 3

/** Gives a pump the data of a stopped device of 4 MiB, in chunks of 64 KiB. */
async function withSource<T>(use: (source: DataSource) => Promise<T>): Promise<T> {
  await using device = await openDevice('sim:v2,state=4MiB')
  await using session = await device.setMigrationState(STOP_COPY)
  if (session === undefined) throw new Error('no session')
  await using source = session.source(65_536)
  return await use(source)
}

/** Into the void. In milliseconds. */
async function timed(source: DataSource, limit?: RateLimit): Promise<{ pumped: Pumped; ms: number }> {
  const fd = openSync('/dev/null', 'w')
  try {
    const began = performance.now()
    const pumped = await source.pumpToFd(fd, limit)
    return { pumped, ms: performance.now() - began }
  } finally {
    closeSync(fd)
  }
}

describe('a rate limit', () => {
  it('holds a pump to its rate', async () => {
    const limit = new RateLimit(20 * MiB, { burst: 64 * 1024 })
    const { pumped, ms } = await withSource((source) => timed(source, limit))
    expect(pumped).toMatchObject({ progress: 'end' })
    expect(pumped.bytes).toBeGreaterThanOrEqual(4 * MiB)
    expect(ms).toBeGreaterThan(190)
    expect(ms).toBeLessThan(2000)
  })

  it('is shared by all pumps that have it', async () => {
    const limit = new RateLimit(40 * MiB, { burst: 1 })
    const began = performance.now()
    await Promise.all([1, 2, 3].map(() => withSource((source) => timed(source, limit))))
    expect(performance.now() - began).toBeGreaterThan(280)
  })

  it('can be lifted while a pump waits for it', async () => {
    const limit = new RateLimit(1000)
    const began = performance.now()
    setTimeout(() => {
      limit.bytesPerSecond = Number.POSITIVE_INFINITY
    }, 30)
    await withSource((source) => timed(source, limit))
    expect(limit.bytesPerSecond).toBe(Number.POSITIVE_INFINITY)
    expect(performance.now() - began).toBeLessThan(5000)
  })

  it('lets a pump that waits for it be paused and cancelled', async () => {
    const limit = new RateLimit(1000, { burst: 1 })
    await withSource(async (source) => {
      const pumping = timed(source, limit)
      setTimeout(() => source.pause(), 30)
      const { pumped } = await pumping
      expect(pumped.progress).toBe('bytes')
      expect(pumped.bytes).toBe(65_536)
      const cancelled = expect(timed(source, limit)).rejects.toMatchObject({ name: 'AbortError' })
      setTimeout(() => source.cancel(), 30)
      await cancelled
    })
  })

  it.each([0, -1, 0.5, Number.NaN, Number.NEGATIVE_INFINITY, 2 ** 60])('of %d is none', (rate) => {
    const outOfRange = expect.objectContaining({ code: 'ERR_OUT_OF_RANGE' })
    expect(() => new RateLimit(rate)).toThrow(outOfRange)
    expect(() => new RateLimit(1, { burst: rate })).toThrow(outOfRange)
    const limit = new RateLimit(1)
    expect(() => {
      limit.bytesPerSecond = rate
    }).toThrow(outOfRange)
    expect(limit.bytesPerSecond).toBe(1)
  })
})
