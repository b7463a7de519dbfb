// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { PreCopyRounds } from '../../../lib/migration/pre-copy-rounds.js'

const rounds = (): PreCopyRounds =>
  new PreCopyRounds({
    device: 'a device',
    policy: () => 'switch',
    startedAt: 0,
    stopCopySize: async () => undefined,
  })

describe('a device that had nothing for now when it was read', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  it('is read again at once after a switchover: it is down', async () => {
    await rounds().drainedAfterSwitch()
    expect(vi.getTimerCount()).toBe(0)
  })

  it('is waited for when it says so again, and given up at last', async () => {
    const some = rounds()
    await some.drainedAfterSwitch()
    let told = false
    const second = some.drainedAfterSwitch().then(() => {
      told = true
    })
    await vi.advanceTimersByTimeAsync(1)
    expect(told).toBe(false)
    await vi.advanceTimersByTimeAsync(1)
    await second
    const on = async (): Promise<never> => {
      for (;;) await some.drainedAfterSwitch()
    }
    const refused = expect(on()).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
    await vi.advanceTimersByTimeAsync(1000)
    await refused
  })
})
