// SPDX-License-Identifier: MIT
// What the channels tell of calls to a device, and that nothing is done for them while nobody listens.
import { type Channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { channels, monotonicNs, nsOf } from '../../../lib/diagnostics/channels.js'
import { DeviceTrace } from '../../../lib/diagnostics/device-trace.js'
import { simulatedDevice } from '../../../lib/simulated/index.js'
import { FakeDevice } from '../migration/fake-device.js'

afterEach(() => vi.restoreAllMocks())

/** What is told on a channel while `work` runs. */
async function heard(channel: Channel, work: () => Promise<unknown>): Promise<unknown[]> {
  const events: unknown[] = []
  const listen = (event: unknown): void => void events.push(event)
  subscribe(channel.name, listen)
  try {
    await work()
  } finally {
    unsubscribe(channel.name, listen)
  }
  return events
}

describe('the channels', () => {
  it('tell of features, with who asked for what and how long it took', async () => {
    const { device } = new FakeDevice({ protocol: 'v2', spec: 'mine' })
    const before = monotonicNs()
    const events = await heard(channels.feature, () => device.migrationState())
    expect(events).toEqual([
      {
        kind: 'feature',
        ns: expect.any(BigInt),
        device: 'mine',
        handle: device.trace.handle,
        durationNs: expect.any(BigInt),
        feature: 'migration-state',
        access: 'get',
      },
    ])
    const [{ ns, durationNs }] = events as [{ ns: bigint; durationNs: bigint }]
    expect(ns >= before && durationNs >= 0n && ns + durationNs <= monotonicNs()).toBe(true)
  })

  it('tell of failures by the name of the errno', async () => {
    const fake = new FakeDevice({ protocol: 'v2' })
    fake.failures.set('reset', { errno: -16, ends: 'keep' })
    const events = await heard(channels.reset, () => fake.device.reset().catch(() => {}))
    expect(events).toMatchObject([{ kind: 'reset', scope: 'function', error: 'EBUSY' }])
  })

  it('tell of state changes, and where the device was found after one that failed', async () => {
    const fake = new FakeDevice({ protocol: 'v2' })
    const migration = await fake.device.migration()
    fake.failures.set('set 1', { errno: -5, ends: 0 })
    const events = await heard(channels.state, async () => {
      await migration.transition('running-p2p')
      await migration.transition('stop').catch(() => {})
    })
    expect(events).toMatchObject([
      { kind: 'state', from: 'running', to: 'running-p2p', actual: 'running-p2p' },
      { kind: 'state', from: 'running-p2p', to: 'stop', actual: 'error', error: 'EIO' },
    ])
    expect(events[0]).not.toHaveProperty('error')
  })

  it('tell of each arc of a v1 route, also of one that ends elsewhere', async () => {
    const fake = new FakeDevice({ protocol: 'v1', state: 0b011 })
    const migration = await fake.device.migration()
    fake.strays.set('write 0', 6)
    const events = await heard(channels.state, () => migration.transition('stop').catch(() => {}))
    expect(events).toMatchObject([
      { from: 'pre-copy', to: 'stop-copy', actual: 'stop-copy' },
      { from: 'stop-copy', to: 'stop', actual: 'error', error: 'ERR_VFIO_TRANSITION' },
    ])
  })

  it('tell the value of device_state, and of no other register', async () => {
    await using device = await simulatedDevice({ protocol: 'v1', state: 65_536, seed: 1 })
    const region = await device.region(9)
    const memory = await device.region(2)
    const events = await heard(channels.register, async () => {
      await region.readRegister(0, 4)
      await region.readRegister(8, 8)
      await memory.readRegister(0, 4)
      await memory.write(8, Uint8Array.of(1, 2, 3))
    })
    expect(events).toMatchObject([
      { region: 9, name: 'device_state', offset: 0n, width: 4, access: 'read', value: 1 },
      { region: 9, name: 'pending_bytes', offset: 8n, width: 8, access: 'read' },
      { region: 2, offset: 0n, width: 4, access: 'read' },
      { region: 2, offset: 8n, width: 3, access: 'write' },
    ])
    for (const event of events.slice(1)) expect(event).not.toHaveProperty('value')
  })

  it('tell of interrupts that are set', async () => {
    await using device = await simulatedDevice({ protocol: 'v2', state: 65_536 })
    const events = await heard(channels.interrupt, async () => {
      const interrupts = await device.interrupts('msi-x')
      await interrupts.enable(2)
      await interrupts.disable()
    })
    expect(events).toMatchObject([
      { kind: 'interrupt', interrupt: 'msi-x', action: 'trigger', vectors: 2 },
      { kind: 'interrupt', interrupt: 'msi-x', action: 'trigger', vectors: 0 },
    ])
  })

  it('tell of each chunk that is read one by one, without what is in it', async () => {
    await using device = await simulatedDevice({ protocol: 'v2', state: 65_536, seed: 3 })
    await using saving = await (await device.migration()).save()
    let bytes = 0
    const events = await heard(channels.chunk, async () => {
      for await (const { data } of saving) bytes += data.length
    })
    const told = events as { bytes: number; direction: string }[]
    expect(told.reduce((sum, event) => sum + event.bytes, 0)).toBe(bytes)
    expect(new Set(told.map(({ direction }) => direction))).toEqual(new Set(['out']))
    await saving.complete()
  })
})

describe('while nobody listens', () => {
  it('no time is taken and no event is made', async () => {
    for (const channel of Object.values(channels)) expect(channel.hasSubscribers).toBe(false)
    await using source = await simulatedDevice({ protocol: 'v1', state: 65_536, seed: 1 })
    const migration = await source.migration()
    const time = vi.spyOn(process.hrtime, 'bigint')
    const made = (['register', 'feature', 'reset', 'state', 'chunk', 'interrupt'] as const).map((name) =>
      vi.spyOn(DeviceTrace.prototype, name),
    )
    const region = await source.region(9)
    await region.readRegister(0, 4)
    await migration.transition('stop')
    await source.reset()
    await using saving = await migration.save()
    for await (const _ of saving) {
      // Read to the end.
    }
    await saving.complete()
    expect(time).not.toHaveBeenCalled()
    for (const spy of made) expect(spy).not.toHaveBeenCalled()
  })

  it('a pump is not told to note anything, and stops when the last listener has gone', async () => {
    const fake = new FakeDevice({ protocol: 'v2', stopCopy: ['a', 'b', 'c'] })
    const asked: number[] = []
    fake.recording = (capacity) => asked.push(capacity)
    await using saving = await (await fake.device.migration()).save()
    const chunks = saving[Symbol.asyncIterator]()
    await chunks.next()
    expect(asked).toEqual([])
    await heard(channels.chunk, () => chunks.next())
    expect(asked).toEqual([8192])
    await chunks.next()
    expect(asked).toEqual([8192, 0])
  })
})

it('times of performance.now() are on the clock of the events, within a millisecond', () => {
  const before = monotonicNs()
  const now = nsOf(performance.now())
  expect(now > before - 1_000_000n && now < monotonicNs() + 1_000_000n).toBe(true)
})
