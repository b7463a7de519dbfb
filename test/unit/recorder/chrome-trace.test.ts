// SPDX-License-Identifier: MIT
// The Trace Event Format: what chrome://tracing and Perfetto need of each kind of event, and how lanes may overlap.
import { describe, expect, it } from 'vitest'
import {
  chromeTrace,
  FlightRecorder,
  mergeReports,
  migrate,
  type RunReport,
  type TraceEvent,
} from '../../../lib/index.js'
import { simulatedDevice } from '../../../lib/simulated/index.js'

async function migration(protocol: 'v1' | 'v2', capacity = 4096): Promise<RunReport> {
  await using source = await simulatedDevice({ protocol, state: 2 ** 20, seed: 1 }, 'from')
  await using destination = await simulatedDevice({ protocol, state: 2 ** 20 }, 'to')
  const recorder = new FlightRecorder({ capacity })
  recorder.mark('begin', { devices: 1 })
  recorder.message('out', 'hello')
  recorder.journal('commit', 1000n)
  await migrate(source, destination, { preCopy: true, recorder })
  return recorder.report()
}

const only = (events: readonly TraceEvent[], ph: TraceEvent['ph']): TraceEvent[] =>
  events.filter((event) => event.ph === ph)

describe.each(['v1', 'v2'] as const)('the trace of a %s migration', (protocol) => {
  it('has what each kind of event needs', async () => {
    const trace = chromeTrace(await migration(protocol))
    expect(trace.displayTimeUnit).toBe('ms')
    for (const event of trace.traceEvents) {
      expect(['X', 'i', 'C', 'M']).toContain(event.ph)
      expect(event.name).not.toBe('')
      expect(Number.isInteger(event.pid) && Number.isInteger(event.tid)).toBe(true)
      expect(Number.isFinite(event.ts)).toBe(true)
    }
    for (const event of only(trace.traceEvents, 'X')) expect(event.dur).toBeGreaterThanOrEqual(0)
    for (const event of only(trace.traceEvents, 'i')) expect(['g', 'p', 't']).toContain(event.s)
    for (const event of only(trace.traceEvents, 'C')) {
      for (const value of Object.values(event.args ?? {})) expect(typeof value).toBe('number')
    }
  })

  it('names a process for each side and threads for each device, and uses no other', async () => {
    const { traceEvents } = chromeTrace(await migration(protocol))
    const named = only(traceEvents, 'M').map(({ name, pid, tid, args }) => [name, pid, tid, args?.name])
    expect(named).toEqual([
      ['process_name', 1, 0, 'source'],
      ['process_name', 2, 0, 'destination'],
      ['thread_name', 1, 0, 'engine'],
      ['thread_name', 1, 1, 'from'],
      ['thread_name', 1, 2, 'from calls'],
      ['thread_name', 1, 3, 'from data'],
      ['thread_name', 2, 4, 'to'],
      ['thread_name', 2, 5, 'to calls'],
      ['thread_name', 2, 6, 'to data'],
    ])
    const threads = new Set(named.map(([, pid, tid]) => `${pid} ${tid}`))
    for (const { pid, tid } of traceEvents) expect(threads).toContain(`${pid} ${tid}`)
  })

  it('has the phases, the calls, the chunks, the marks and the bytes', async () => {
    const report = await migration(protocol)
    const { traceEvents } = chromeTrace(report)
    const names = (cat: string): string[] =>
      traceEvents.filter((event) => event.cat === cat).map(({ name }) => name)
    expect(names('phase')).toEqual([
      ...['prepare', 'pre-copy', 'stop-copy', 'resume', 'finish'],
      ...['prepare', 'pre-copy', 'stop-copy', 'resume', 'finish'],
    ])
    expect(names('state')).toContain('pre-copy → stop-copy')
    expect(names('mark')).toEqual(['begin'])
    expect(names('message')).toEqual(['sent hello'])
    expect(names('journal')).toEqual(['journal commit'])
    expect(names('register').length + names('feature').length).toBeGreaterThan(5)
    const last = only(traceEvents, 'C')
      .filter(({ name }) => name === 'from bytes')
      .at(-1)
    expect(last?.args).toEqual({ out: report.devices[0]?.bytesOut, in: 0 })
  })

  it('ends its counters with the truth, though chunks were dropped', async () => {
    const report = await migration(protocol, 16)
    const bytes = report.devices[1]?.bytesIn ?? 0
    const events = [
      ...report.timeline.filter(({ kind }) => kind !== 'chunk'),
      ...report.timeline.filter(({ kind }) => kind === 'chunk').slice(-1),
    ]
    const counted = only(chromeTrace({ ...report, timeline: events }).traceEvents, 'C')
    expect(counted.at(-1)?.args).toEqual({ out: 0, in: bytes })
  })

  it('has lanes in which nothing overlaps unless it contains the other', async () => {
    const { traceEvents } = chromeTrace(await migration(protocol))
    const lanes = new Map<string, TraceEvent[]>()
    for (const event of only(traceEvents, 'X')) {
      const lane = `${event.pid} ${event.tid}`
      lanes.set(lane, [...(lanes.get(lane) ?? []), event])
    }
    // Half a nanosecond, for what is lost in microseconds.
    const slack = 0.0005
    for (const [lane, events] of lanes) {
      const open: number[] = []
      const ordered = [...events].sort((one, other) => one.ts - other.ts || (other.dur ?? 0) - (one.dur ?? 0))
      for (const { ts, dur = 0, name } of ordered) {
        while (open.length > 0 && (open.at(-1) ?? 0) <= ts + slack) open.pop()
        expect(ts + dur, `${name} in ${lane}`).toBeLessThanOrEqual((open.at(-1) ?? Infinity) + slack)
        open.push(ts + dur)
      }
    }
  })
})

describe('the trace of two sides', () => {
  it('has both on the clock of the source', async () => {
    const source = await migration('v2')
    const later = {
      ...source,
      timeline: source.timeline.map((event) => ({ ...event, ns: event.ns + 5_000_000 })),
    }
    const merged = mergeReports(source, later)
    expect(merged.clock).toMatchObject({ offsetNs: 5_000_000, from: 'mark' })
    const { traceEvents } = chromeTrace(merged)
    const times = (pid: number): number[] =>
      traceEvents.filter((event) => event.pid === pid && event.cat === 'state').map(({ ts }) => ts)
    expect(times(1)).toEqual(times(2).map((ts) => expect.closeTo(ts, 3)))
    expect(
      only(traceEvents, 'M')
        .filter(({ name }) => name === 'process_name')
        .map(({ args }) => args?.name),
    ).toEqual(['source', 'destination'])
  })
})
