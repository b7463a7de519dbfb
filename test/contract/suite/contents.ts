// SPDX-License-Identifier: MIT
import { expect, it, vi } from 'vitest'
import { migrate } from '../../../lib/index.js'
import { TestDevice } from '../../support/test-device.js'
import type { Backend } from './backend.js'
import { carriers } from './carriers.js'

/** Contents arrive: needs devices whose memory can be set and compared through their registers. */
export function contentsContract(backend: Backend): void {
  it.each(carriers[backend.protocol])('what is saved arrives by %s', async (_name, carry) => {
    await using source = await backend.open()
    await using destination = await backend.open()
    const before = await TestDevice.of(source)
    await before.fill(7)
    await before.setScratch(0xc0ffee)
    for (let step = 0; step < 5; step++) await before.step()
    await using saving = await (await source.migration()).save({
      preCopy: backend.preCopy,
      bufferSize: 65_536,
    })
    await using loading = await (await destination.migration()).load()
    await carry(saving, loading)
    expect(saving.phase).toBe('ended')
    expect(loading.moved.bytes).toBe(saving.moved.bytes)
    expect(saving.moved.bytes).toBeGreaterThanOrEqual(before.size)
    await loading.complete()
    await saving.complete()
    const after = await TestDevice.of(destination)
    expect(await after.firstDifference(7)).toBeUndefined()
    expect(await after.scratch()).toBe(0xc0ffee)
    expect(await after.steps()).toBe(5n)
    expect(await (await source.migration()).state()).toBe('stop')
  })

  it('a migration with the workload running loses nothing', async () => {
    await using source = await backend.open()
    await using destination = await backend.open()
    const before = await TestDevice.of(source)
    await before.fill(11)
    await before.work(4n * 2n ** 20n)
    // Without pre-copy the source may stop before its workload has done anything.
    await vi.waitUntil(async () => (await before.steps()) > 0n, { timeout: 10_000, interval: 1 })
    let rounds = 0
    const report = await migrate(source, destination, {
      preCopy: backend.preCopy,
      switchover: ({ round }) => {
        rounds = round
        return round >= 3 ? 'switch' : 'continue'
      },
    })
    expect(report).toMatchObject({ source: { state: 'stop' }, destination: { state: 'running' } })
    if (backend.preCopy) expect(rounds).toBe(3)
    const after = await TestDevice.of(destination)
    await after.rest()
    expect(await after.steps()).toBeGreaterThan(0n)
    expect(await after.firstDifference(11)).toBeUndefined()
  })

  it('a save that is given up leaves the source as it was, running', async () => {
    await using source = await backend.open()
    const device = await TestDevice.of(source)
    await device.fill(13)
    const migration = await source.migration()
    const saving = await migration.save({ preCopy: backend.preCopy })
    for await (const _ of saving) break
    await saving.close()
    expect(saving.recovery).toMatchObject({ ok: true, state: 'running' })
    expect(await device.firstDifference(13)).toBeUndefined()
    // And the next save is whole.
    await using destination = await backend.open()
    await migrate(source, destination)
    expect(await (await TestDevice.of(destination)).firstDifference(13)).toBeUndefined()
  })

  it('a pre-copy keeps the device running until the switch', async () => {
    if (!backend.preCopy) return
    await using source = await backend.open()
    const device = await TestDevice.of(source)
    const saving = await (await source.migration()).save({ preCopy: true })
    const ran = await device.runCount()
    await device.step()
    await saving.switchover()
    expect(saving.phase).toBe('stop-copy')
    await expect(device.step()).rejects.toMatchObject({ code: 'ERR_VFIO_REGION_FORBIDDEN' })
    // The device's own answer to those who insist.
    await expect(device.step({ force: true })).rejects.toMatchObject({
      code: backend.stoppedAccess ?? 'EIO',
    })
    await saving.close()
    expect(await device.runCount()).toBe(ran + 1)
  })

  it('a load that is given up leaves a reset device', async () => {
    await using source = await backend.open()
    await using destination = await backend.open()
    await (await TestDevice.of(source)).fill(17)
    await using saving = await (await source.migration()).save()
    {
      await using loading = await (await destination.migration()).load()
      for await (const { data } of saving) {
        await loading.write(data)
        break
      }
    }
    expect(await (await destination.migration()).state()).toBe('running')
    const after = await TestDevice.of(destination)
    expect([await after.steps(), await after.scratch()]).toEqual([0n, 0])
  })
}
