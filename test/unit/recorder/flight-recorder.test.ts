// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { channels, monotonicNs } from '../../../lib/diagnostics/channels.js'
import { DeviceTrace } from '../../../lib/diagnostics/device-trace.js'
import { VfioError } from '../../../lib/errors/index.js'
import { FlightRecorder } from '../../../lib/recorder/flight-recorder.js'

function device(spec: string) {
  return { spec, driver: 'fake', trace: new DeviceTrace(spec) }
}

type Traced = ReturnType<typeof device>

function chunk({ trace }: Traced, bytes: number, ns = monotonicNs(), error?: string): void {
  const { device, handle } = trace
  trace.chunk({
    kind: 'chunk',
    ns,
    device,
    handle,
    durationNs: 10n,
    deviceNs: 4n,
    direction: 'out',
    bytes,
    ...(error === undefined ? {} : { error }),
  })
}

const bytesOf = (recorder: FlightRecorder, at = 0) =>
  recorder.report().devices[at]?.phases.map(({ name, bytes, chunks }) => [name, bytes, chunks])

describe('a flight recorder', () => {
  it('listens only while it watches something', () => {
    const recorder = new FlightRecorder()
    const all = [channels.state, channels.register, channels.feature, channels.chunk, channels.phase]
    const heard = (): boolean[] => all.map((channel) => channel.hasSubscribers)
    expect(new Set(heard())).toEqual(new Set([false]))
    const [first, second] = [recorder.watch(device('a')), recorder.watch(device('b'))]
    expect(new Set(heard())).toEqual(new Set([true]))
    first[Symbol.dispose]()
    first[Symbol.dispose]()
    expect(new Set(heard())).toEqual(new Set([true]))
    second[Symbol.dispose]()
    expect(new Set(heard())).toEqual(new Set([false]))
  })

  it('records the devices it watches, and no others', () => {
    const [mine, other] = [device('same'), device('same')]
    const recorder = new FlightRecorder()
    using _watching = recorder.watch(mine)
    mine.trace.reset(monotonicNs(), null, 'function')
    other.trace.reset(monotonicNs(), null, 'hot')
    const { timeline, devices } = recorder.report()
    expect(timeline).toMatchObject([{ kind: 'reset', scope: 'function', device: 'same' }])
    expect(devices).toHaveLength(1)
  })

  it('records two runs apart', () => {
    const [one, two] = [device('a'), device('b')]
    const [first, second] = [new FlightRecorder(), new FlightRecorder()]
    using _one = first.watch(one)
    using _two = second.watch(two)
    chunk(one, 5)
    chunk(two, 7)
    expect(first.report().devices[0]?.bytesOut).toBe(5)
    expect(second.report().devices[0]?.bytesOut).toBe(7)
  })

  it('no longer records a device once it is let go, and goes on when it is watched again', () => {
    const mine = device('a')
    const recorder = new FlightRecorder()
    recorder.watch(mine)[Symbol.dispose]()
    chunk(mine, 1)
    using _again = recorder.watch(mine)
    chunk(mine, 2)
    expect(recorder.report().devices).toMatchObject([{ bytesOut: 2 }])
  })

  it('gives devices of one specification names of their own', () => {
    const recorder = new FlightRecorder()
    using _one = recorder.watch(device('sim:v2'), 'source')
    using _two = recorder.watch(device('sim:v2'), 'destination')
    using _three = recorder.watch(device('sim:v2'), 'destination')
    expect(recorder.report().devices.map(({ name, spec, side }) => [name, spec, side])).toEqual([
      ['sim:v2', 'sim:v2', 'source'],
      ['sim:v2 (destination)', 'sim:v2', 'destination'],
      ['sim:v2 #2', 'sim:v2', 'destination'],
    ])
  })

  it('counts chunks in the phase in which they began', () => {
    const mine = device('a')
    const recorder = new FlightRecorder()
    using _watching = recorder.watch(mine)
    chunk(mine, 1)
    recorder.phase('pre-copy', { device: mine })
    chunk(mine, 10)
    chunk(mine, 10)
    recorder.phase('stop-copy', { device: mine })
    chunk(mine, 3)
    recorder.phase(null, { device: mine })
    chunk(mine, 5)
    expect(bytesOf(recorder)).toEqual([
      ['pre-copy', 20, 2],
      ['stop-copy', 3, 1],
    ])
    expect(recorder.report().devices[0]).toMatchObject({ bytesOut: 29, chunksOut: 5, bytesIn: 0 })
  })

  it('moves chunks to a phase that is noticed late', () => {
    const mine = device('a')
    const recorder = new FlightRecorder()
    using _watching = recorder.watch(mine)
    const start = monotonicNs()
    mine.trace.phase('pre-copy', start)
    for (const after of [10n, 20n, 30n]) chunk(mine, Number(after), start + after)
    mine.trace.phase('stop-copy', start + 20n)
    chunk(mine, 40, start + 40n)
    expect(bytesOf(recorder)).toEqual([
      ['pre-copy', 10, 1],
      ['stop-copy', 90, 3],
    ])
  })

  it('counts what a pump lost, and says how much that was', () => {
    const mine = device('a')
    const recorder = new FlightRecorder()
    using _watching = recorder.watch(mine)
    recorder.phase('stop-copy', { device: mine })
    mine.trace.lostChunks({
      ns: monotonicNs(),
      direction: 'out',
      chunks: 7,
      bytes: 700,
      registers: 21,
      deviceNs: 70n,
    })
    expect(bytesOf(recorder)).toEqual([['stop-copy', 700, 7]])
    expect(recorder.report().dropped).toEqual({ landmarks: 0, features: 0, registers: 21, chunks: 7 })
  })

  it('does not count a chunk that failed', () => {
    const mine = device('a')
    const recorder = new FlightRecorder()
    using _watching = recorder.watch(mine)
    chunk(mine, 0, monotonicNs(), 'EIO')
    const report = recorder.report()
    expect(report.devices[0]).toMatchObject({ bytesOut: 0, chunksOut: 0 })
    expect(report.timeline).toMatchObject([{ kind: 'chunk', error: 'EIO' }])
  })

  it('keeps its size over 100 000 chunks, and drops nothing else for them', () => {
    const mine = device('a')
    const recorder = new FlightRecorder({ capacity: 64 })
    using _watching = recorder.watch(mine)
    recorder.mark('before')
    recorder.phase('stop-copy', { device: mine })
    for (let count = 0; count < 100_000; count++) chunk(mine, 2)
    const report = recorder.report()
    expect(report.timeline.filter(({ kind }) => kind === 'chunk')).toHaveLength(64)
    expect(report.timeline[0]).toMatchObject({ kind: 'mark', name: 'before' })
    expect(report.dropped).toEqual({ landmarks: 0, features: 0, registers: 0, chunks: 100_000 - 64 })
    expect(bytesOf(recorder)).toEqual([['stop-copy', 200_000, 100_000]])
    expect(JSON.stringify(report).length).toBeLessThan(20_000)
  })

  it('has marks, messages and journal records in order of time', () => {
    const recorder = new FlightRecorder()
    recorder.message('out', 'hello', 120)
    recorder.mark('preflight', { devices: 2 })
    recorder.message('in', 'hello')
    recorder.message('in', 'hello')
    recorder.journal('commit', 1n)
    expect(recorder.report().timeline).toMatchObject([
      { kind: 'message', direction: 'out', message: 'hello', bytes: 120 },
      { kind: 'mark', name: 'preflight', detail: { devices: 2 } },
      { kind: 'message', direction: 'in', message: 'hello', nth: 1 },
      { kind: 'message', direction: 'in', message: 'hello', nth: 2 },
      { kind: 'journal', record: 'commit', fsyncNs: 1 },
    ])
  })

  it('reports as plain data', () => {
    const mine = device('a')
    const recorder = new FlightRecorder()
    using _watching = recorder.watch(mine, 'source')
    recorder.operation = 'save'
    mine.trace.feature(monotonicNs(), null, 'migration', 'get')
    chunk(mine, 1)
    const report = recorder.report()
    expect(JSON.parse(JSON.stringify(report))).toEqual(report)
    expect(report).toMatchObject({
      format: 'vfio-migration-run',
      ok: true,
      operation: 'save',
      versions: { node: process.versions.node },
      machine: { architecture: process.arch },
    })
    expect(report).not.toHaveProperty('error')
    expect(report).not.toHaveProperty('downtime')
  })

  it('says what a run failed with, whatever was thrown', () => {
    const recorder = new FlightRecorder()
    recorder.fail(new VfioError('ERR_VFIO_BUSY', 'busy', { device: 'a' }))
    expect(recorder.report()).toMatchObject({
      ok: false,
      error: { name: 'VfioError', code: 'ERR_VFIO_BUSY', message: 'busy', device: 'a' },
    })
    expect(recorder.report({ error: 'odd' })).toMatchObject({ ok: false, error: { message: 'odd' } })
    expect(recorder.report({ error: new TypeError('bug') })).toMatchObject({
      error: { name: 'TypeError', message: 'bug' },
    })
    expect(JSON.stringify(recorder.report({ error: new TypeError('bug') }))).not.toContain('.ts')
  })

  it('refuses a capacity that is none', () => {
    for (const capacity of [0, 15, 1.5, Number.NaN, 2 ** 21]) {
      expect(() => new FlightRecorder({ capacity })).toThrow(RangeError)
    }
  })
})
