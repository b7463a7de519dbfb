// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { type MigratableDevice, migrate, openDevice, type SaveSession } from '../../../lib/index.js'
import {
  firedFaults,
  type SimulatedFault,
  simulatedDevice,
  simulationOf,
} from '../../../lib/simulated/index.js'

const small = 'state=256KiB'

async function bytesOf(saving: SaveSession): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const { data } of saving) chunks.push(Buffer.from(data))
  return Buffer.concat(chunks)
}

function callsOf(device: MigratableDevice, operation: string, argument?: string): number {
  const found = simulationOf(device)
    .operations()
    .find((count) => count.operation === operation && count.argument === argument)
  return found?.calls ?? 0
}

describe('the other side of a simulated device', () => {
  it('counts what was called, with which argument', async () => {
    await using device = await openDevice(`sim:v2,${small}`)
    const before = simulationOf(device).operations()
    expect(before.map(({ operation }) => operation)).not.toContain('set-state')
    const migration = await device.migration()
    await using saving = await migration.save({ preCopy: true })
    await bytesOf(saving)
    await saving.complete()
    for (const state of ['pre-copy', 'pre-copy-p2p', 'stop-copy', 'stop'])
      expect(callsOf(device, 'set-state', state)).toBe(1)
    expect(callsOf(device, 'set-state', 'running-p2p')).toBe(0)
    expect(callsOf(device, 'read', 'pre-copy')).toBeGreaterThan(0)
    expect(callsOf(device, 'read', 'stop-copy')).toBeGreaterThan(1)
    expect(callsOf(device, 'precopy-info', 'pre-copy')).toBeGreaterThan(0)
  })

  it('can be asked after the device is closed', async () => {
    const device = await openDevice(`sim:v1,${small},chunk=64KiB,fail=set-state:stop:EIO`)
    await expect((await device.migration()).transition('stop')).rejects.toMatchObject({ errnoName: 'EIO' })
    await device.close()
    expect(firedFaults(device)).toMatchObject([{ rule: { operation: 'set-state' }, times: 1 }])
    expect(callsOf(device, 'register-write', 'device-state')).toBe(1)
    expect(() => simulationOf(device).inject({ operation: 'reset', errno: 'EIO' })).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }),
    )
  })

  it('knows which fault struck, how often, and which did not', async () => {
    const device = await simulatedDevice({
      protocol: 'v2',
      state: 256 << 10,
      faults: [
        { operation: 'get-state', errno: 'EIO', nth: 3, count: 2 },
        { operation: 'set-state', argument: 'resuming', errno: 'EIO' },
      ],
      delays: [{ operation: 'data-size', milliseconds: 1 }],
      lies: [{ name: 'estimate', value: 5n }],
    })
    await using _ = device
    const migration = await device.migration()
    expect(await migration.stopCopySize()).toBe(5n)
    for (const fails of [false, false, true, true, false]) {
      const state = migration.state()
      if (fails) await expect(state).rejects.toMatchObject({ code: 'EIO' })
      else expect(await state).toBe('running')
    }
    const simulation = simulationOf(device)
    expect(simulation.firedFaults().map(({ times }) => times)).toEqual([2, 0])
    expect(simulation.firedDelays()).toMatchObject([{ rule: { operation: 'data-size' }, times: 1 }])
    expect(simulation.firedLies()).toMatchObject([{ rule: { name: 'estimate' }, times: 1 }])
  })

  it('breaks what is open, counting from then on', async () => {
    await using device = await openDevice(`sim:v2,${small}`)
    const migration = await device.migration()
    await migration.transition('stop')
    await migration.transition('running')
    const fault: SimulatedFault = { operation: 'set-state', argument: 'stop', errno: 'EBUSY' }
    simulationOf(device).inject(fault)
    await expect(migration.transition('stop')).rejects.toMatchObject({ errnoName: 'EBUSY' })
    expect(firedFaults(device)).toEqual([{ rule: fault, times: 1 }])
    for (const wrong of [
      { operation: 'set-state' },
      { operation: 'set-state', errno: 'EWEATHER' },
      { operation: 'set-state', kind: 'short' },
    ] as const) {
      expect(() => simulationOf(device).inject(wrong)).toThrow(
        expect.objectContaining({ code: 'ERR_VFIO_DEVICE_SPEC' }),
      )
    }
    expect(firedFaults(device)).toHaveLength(1)
  })

  it('is there for no other device', () => {
    const other = { spec: '0000:17:00.2' } as MigratableDevice
    expect(() => simulationOf(other)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED' }))
  })

  it('lists a good run whose calls can each be broken', async () => {
    const run = async (fault?: SimulatedFault) => {
      await using source = await simulatedDevice({
        protocol: 'v2',
        state: 64 << 10,
        faults: fault ? [fault] : [],
      })
      await using destination = await openDevice('sim:v2,state=64KiB')
      const outcome = await migrate(source, destination).then(
        () => 'ok',
        () => 'failed',
      )
      return { outcome, times: firedFaults(source)[0]?.times, operations: simulationOf(source).operations() }
    }
    const good = await run()
    expect(good.outcome).toBe('ok')
    for (const { operation, argument, calls } of good.operations) {
      for (let nth = 1; nth <= calls; nth++) {
        const broken = await run({ operation, errno: 'EIO', nth, ...(argument && { argument }) })
        expect({ operation, argument, nth, times: broken.times }).toEqual({
          operation,
          argument,
          nth,
          times: 1,
        })
      }
    }
  })
})

describe('a short transfer', () => {
  it.each(['v1', 'v2'])('of a %s save loses nothing', async (protocol) => {
    const chunk = protocol === 'v1' ? ',chunk=64KiB,data=trapped' : ''
    const spec = `sim:${protocol},${small},seed=7${chunk}`
    const what = protocol === 'v1' ? 'register-read:data' : 'read'
    const to = protocol === 'v1' ? 'register-write:data' : 'write'
    await using source = await openDevice(`${spec},fail=${what}:short:count=3,fail=${what}:short=1:nth=5`)
    await using destination = await openDevice(`${spec},fail=${to}:short,fail=${to}:short=1:nth=2`)
    expect(await migrate(source, destination)).toMatchObject({ ok: true })
    expect(firedFaults(source).map(({ times }) => times)).toEqual([3, 1])
    expect(firedFaults(destination).map(({ times }) => times)).toEqual([1, 1])
  })

  it('of a register is an error of its own', async () => {
    await using device = await openDevice(
      `sim:v1,${small},chunk=64KiB,fail=register-read:device-state:short:nth=2`,
    )
    const migration = await device.migration()
    await expect(migration.state()).rejects.toMatchObject({ code: 'ERR_VFIO_SHORT_TRANSFER' })
    expect(await migration.state()).toBe('running')
    simulationOf(device).inject({ operation: 'register-write', argument: 'device-state', kind: 'short' })
    await expect(migration.transition('stop')).rejects.toThrow()
    expect(await migration.state()).toBe('running')
  })

  it('of nothing ends the data too early', async () => {
    await using device = await openDevice(`sim:v2,${small},fail=read:short=0:nth=2:count=2`)
    await using saving = await (await device.migration()).save({ bufferSize: 65_536 })
    expect((await bytesOf(saving)).length).toBeLessThan(256 << 10)
  })
})

describe('a hang', () => {
  it('of a state change ends with a reset', async () => {
    await using device = await openDevice(`sim:v2,${small},fail=set-state:stop:hang`)
    const migration = await device.migration()
    const stopping = migration.transition('stop')
    const refused = expect(stopping).rejects.toMatchObject({ errnoName: 'EIO' })
    await expect.poll(() => firedFaults(device)[0]?.times).toBe(1)
    await device.reset()
    await refused
    expect(await migration.state()).toBe('running')
  })

  it('of a read ends when the save is given up', async () => {
    await using device = await openDevice(`sim:v2,${small},fail=read:stop-copy:hang`)
    const migration = await device.migration()
    const saving = await migration.save()
    const refused = expect(bytesOf(saving)).rejects.toThrow()
    await expect.poll(() => firedFaults(device)[0]?.times).toBe(1)
    await saving.close()
    await refused
    expect(await migration.state()).toBe('running')
  })

  it('of a register access ends when the device is closed', async () => {
    const device = await openDevice(`sim:v1,${small},chunk=64KiB,fail=register-read:pending-bytes:hang`)
    const saving = await (await device.migration()).save()
    const refused = expect(bytesOf(saving)).rejects.toThrow()
    await expect.poll(() => firedFaults(device)[0]?.times).toBe(1)
    const closing = device.close()
    await refused
    await saving.close().catch(() => {})
    await closing
  })
})
