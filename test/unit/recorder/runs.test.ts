// SPDX-License-Identifier: MIT
// Whole operations on simulated devices, recorded.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { channels } from '../../../lib/diagnostics/channels.js'
import {
  FlightRecorder,
  loadFromFile,
  migrate,
  type RunReport,
  saveToFile,
  type TimelineEvent,
} from '../../../lib/index.js'
import { type SimulatedOptions, simulatedDevice } from '../../../lib/simulated/index.js'

const state = 2 ** 20

async function recordedMigration(
  source: SimulatedOptions,
  destination: SimulatedOptions = { protocol: source.protocol, state },
  preCopy = true,
) {
  await using from = await simulatedDevice({ state, seed: 4, ...source }, 'from')
  await using to = await simulatedDevice({ state, ...destination }, 'to')
  const recorder = new FlightRecorder()
  const outcome = await migrate(from, to, { preCopy, recorder }).then(
    (moved) => ({ moved, error: undefined }),
    (error: Error) => ({ moved: undefined, error }),
  )
  return { ...outcome, report: recorder.report(), recorder }
}

const ofKind = <K extends TimelineEvent['kind']>(report: RunReport, kind: K) =>
  report.timeline.filter((event): event is Extract<TimelineEvent, { kind: K }> => event.kind === kind)

const arcsOf = (report: RunReport, device: string): string[] =>
  ofKind(report, 'state')
    .filter((event) => event.device === device)
    .map(({ from, to, error }) => `${from} > ${to}${error === undefined ? '' : ` ${error}`}`)

const sum = (numbers: readonly number[]): number => numbers.reduce((total, number) => total + number, 0)

describe.each(['v1', 'v2'] as const)('the report of a %s migration', (protocol) => {
  it('has the bytes and times of each phase of each device, as the migration itself counted', async () => {
    const { moved, report } = await recordedMigration({ protocol })
    expect(report).toMatchObject({ ok: true, operation: 'migrate' })
    const [from, to] = report.devices
    expect(from).toMatchObject({ name: 'from', side: 'source', bytesOut: moved?.bytes, bytesIn: 0 })
    expect(to).toMatchObject({ name: 'to', side: 'destination', bytesIn: moved?.bytes, bytesOut: 0 })
    for (const device of [from, to]) {
      expect(device?.phases.map(({ name, bytes, chunks }) => ({ name, bytes, chunks }))).toEqual(
        moved?.phases.map(({ name, bytes, chunks }) => ({ name, bytes, chunks })),
      )
      for (const phase of device?.phases ?? []) {
        expect(phase.deviceMs).toBeLessThanOrEqual(phase.ms)
        expect(phase.bytesPerSecond).toBeGreaterThanOrEqual(phase.bytes === 0 ? 0 : 1)
      }
    }
  })

  it('has the downtime by its parts, which add up', async () => {
    const { moved, report } = await recordedMigration({ protocol })
    expect(report.downtime?.parts.map(({ name }) => name)).toEqual(['stop', 'transfer', 'wiring', 'resume'])
    expect(report.downtime).toEqual(moved?.downtime)
    expect(report.downtime?.totalMs).toBe(moved?.downtimeMs)
    const parts = report.downtime?.parts.map(({ ms }) => ms) ?? []
    expect(sum(parts)).toBeCloseTo(report.downtime?.totalMs ?? 0, 6)
    expect(Math.min(...parts)).toBeGreaterThanOrEqual(0)
  })

  it('blames the part that took long', async () => {
    const { report } = await recordedMigration(
      { protocol },
      {
        protocol,
        delays: [
          {
            operation: protocol === 'v1' ? 'register-write' : 'set-state',
            argument: protocol === 'v1' ? 'device-state' : 'running',
            milliseconds: 40,
          },
        ],
      },
      false,
    )
    const parts = new Map(report.downtime?.parts.map(({ name, ms }) => [name, ms]))
    expect(parts.get('resume')).toBeGreaterThan(38)
    expect(Math.max(parts.get('stop') ?? 0, parts.get('wiring') ?? 0)).toBeLessThan(38)
  })

  it('begins the downtime with the wait for other devices, where there is one', async () => {
    await using from = await simulatedDevice({ protocol, state, seed: 4 }, 'from')
    await using to = await simulatedDevice({ protocol, state }, 'to')
    const recorder = new FlightRecorder()
    await migrate(from, to, { preCopy: true, recorder, beforeStop: () => setTimeout(20) })
    const parts = recorder.report().downtime?.parts ?? []
    // A device without P2P states runs on while it waits.
    if (protocol === 'v1') expect(parts[0]?.name).toBe('stop')
    else expect(parts[0]).toEqual({ name: 'quiesce', ms: expect.toSatisfy((ms: number) => ms > 18) })
  })

  it('has every state change, with the clock running one way', async () => {
    const { report } = await recordedMigration({ protocol })
    expect(arcsOf(report, 'from')).toEqual(['running > pre-copy', 'pre-copy > stop-copy', 'stop-copy > stop'])
    expect(arcsOf(report, 'to')).toEqual(['running > resuming', 'resuming > running'])
    const times = report.timeline.map(({ ns }) => ns)
    expect(times).toEqual([...times].sort((one, other) => one - other))
    for (const event of report.timeline) {
      expect(event.ns).toBeGreaterThan(0)
      expect(event.ns).toBeLessThan(report.totalMs * 1e6)
    }
  })

  it('of one that failed has the failure, the arc that failed, and how it was undone', async () => {
    const operation = protocol === 'v1' ? 'register-write' : 'set-state'
    const argument = protocol === 'v1' ? 'device-state' : 'stop-copy'
    const { error, report } = await recordedMigration({
      protocol,
      faults: [{ operation, argument, errno: 'EIO', nth: protocol === 'v1' ? 2 : 1 }],
    })
    expect(report.ok).toBe(false)
    expect(report.error).toMatchObject({ ...JSON.parse(JSON.stringify(error)) })
    expect(report.error).toMatchObject({ code: 'ERR_VFIO_TRANSITION', errnoName: 'EIO' })
    expect(arcsOf(report, 'from')).toContain('pre-copy > stop-copy EIO')
    expect(arcsOf(report, 'from').at(-1)).toMatch(/> running$/)
    expect(ofKind(report, 'reset')).toMatchObject([{ device: 'to', scope: 'function' }])
    for (const device of report.devices) expect(device.phases.length).toBeGreaterThan(0)
  })

  it('of one whose destination refused data says when, and what it cost the source', async () => {
    const { report } = await recordedMigration(
      { protocol },
      {
        protocol,
        faults: [
          protocol === 'v1'
            ? { operation: 'register-write', argument: 'data-size', errno: 'EINVAL' }
            : { operation: 'write', errno: 'EINVAL' },
        ],
      },
      false,
    )
    expect(report.error).toMatchObject({ code: 'EINVAL' })
    expect(
      ofKind(report, 'chunk')
        .filter(({ error }) => error === 'EINVAL')
        .map(({ device }) => device),
    ).toContain('to')
    expect(report.downtime?.parts.map(({ name }) => name)).toEqual(['stop', 'roll-back'])
  })

  it('tells of a save to a file, and of the load of it', async () => {
    const path = join(folder, 'device.vfm')
    const saving = new FlightRecorder()
    const loading = new FlightRecorder()
    await using from = await simulatedDevice({ protocol, state, seed: 4 }, 'from')
    await using to = await simulatedDevice({ protocol, state }, 'to')
    const saved = await saveToFile(from, path, { preCopy: true, recorder: saving })
    const loaded = await loadFromFile(to, path, { recorder: loading })
    const [out, back] = [saving.report(), loading.report()]
    expect(out).toMatchObject({
      ok: true,
      operation: 'save',
      devices: [{ side: 'source', bytesOut: saved.bytes }],
    })
    expect(back).toMatchObject({
      ok: true,
      operation: 'load',
      devices: [{ side: 'destination', bytesIn: loaded.bytes }],
    })
    expect(out.devices[0]?.phases.map(({ name }) => name)).toEqual(['pre-copy', 'stop-copy', 'finish'])
    expect(back.devices[0]?.phases.map(({ name }) => name)).toEqual(['prepare', 'load', 'resume'])
    expect(out).not.toHaveProperty('downtime')
  })

  it('leaves nobody listening', async () => {
    await recordedMigration({ protocol })
    for (const channel of Object.values(channels)) expect(channel.hasSubscribers).toBe(false)
  })
})

let folder: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-recorder-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('the report of a v1 migration', () => {
  it('has each register of each round, and of no round a value', async () => {
    const { moved, report } = await recordedMigration({ protocol: 'v1' })
    const registers = ofKind(report, 'register')
    const pumped = registers.filter((event) => event.pumped && event.device === 'from')
    const named = (name: string): number => pumped.filter((event) => event.name === name).length
    const chunks = sum(moved?.phases.map((phase) => phase.chunks) ?? [])
    expect(named('data_offset')).toBe(chunks)
    expect(named('data_size')).toBe(chunks)
    expect(named('pending_bytes')).toBeGreaterThan(chunks)
    for (const event of registers) {
      expect('value' in event, JSON.stringify(event)).toBe(event.name === 'device_state')
    }
  })
})

describe('two migrations at once', () => {
  it('are recorded apart, though the devices are named alike', async () => {
    const sizes = [2 ** 20, 2 ** 21]
    const runs = await Promise.all(
      sizes.map((size) =>
        recordedMigration({ protocol: 'v2', state: size }, { protocol: 'v2', state: size }),
      ),
    )
    for (const { moved, report } of runs) {
      expect(report.devices.map(({ bytesOut, bytesIn }) => bytesOut + bytesIn)).toEqual([
        moved?.bytes,
        moved?.bytes,
      ])
      expect(arcsOf(report, 'from')).toHaveLength(3)
    }
    expect(runs[0]?.moved?.bytes).not.toBe(runs[1]?.moved?.bytes)
  })
})

describe('no byte of a device', () => {
  /** How a pattern in device memory would show in a report: as text, numbers of some width, or hexadecimal. */
  function traces(pattern: Buffer): string[] {
    const found = [
      pattern.toString('latin1'),
      pattern.toString('hex'),
      pattern.toString('base64').slice(0, 8),
    ]
    found.push(pattern.readUInt32LE().toString(), pattern.readUInt32BE().toString())
    found.push(pattern.readBigUInt64LE().toString(), Number(pattern.readBigUInt64LE()).toString())
    found.push(pattern.readUInt32LE().toString(16), [...pattern.subarray(0, 4)].join(','))
    return found
  }

  it('is ever in a report, whatever fails and however it is read', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('v1' as const, 'v2' as const),
        fc.uint8Array({ minLength: 8, maxLength: 8 }).filter((bytes) => bytes.every((byte) => byte > 0x60)),
        fc.boolean(),
        fc.constantFrom(
          undefined,
          'read',
          'write',
          'register-read',
          'register-write',
          'set-state',
        ) as fc.Arbitrary<'read' | 'write' | 'register-read' | 'register-write' | 'set-state' | undefined>,
        fc.integer({ min: 1, max: 12 }),
        async (protocol, bytes, preCopy, operation, nth) => {
          const pattern = Buffer.from(bytes)
          await using from = await simulatedDevice({ protocol, state: 65_536 }, 'from')
          await using to = await simulatedDevice(
            {
              protocol,
              state: 65_536,
              ...(operation === undefined ? {} : { faults: [{ operation, errno: 'EIO', nth }] }),
            },
            'to',
          )
          const recorder = new FlightRecorder()
          using _watching = recorder.watch(from)
          const memory = await from.region(2)
          await memory.write(0, Buffer.alloc(65_536, pattern))
          await memory.writeRegister(0, 4, pattern.readUInt32LE())
          expect(await memory.readRegister(8, 8)).toBe(pattern.readBigUInt64LE())
          await migrate(from, to, { preCopy, recorder }).catch(() => {})
          const text = JSON.stringify(recorder.report())
          for (const trace of traces(pattern)) expect(text).not.toContain(trace)
        },
      ),
      { numRuns: 60 },
    )
  })
})
