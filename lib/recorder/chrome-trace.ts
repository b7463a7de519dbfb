// SPDX-License-Identifier: MIT
// The Trace Event Format (JSON object form), which chrome://tracing and Perfetto load.
import type { MergedReport } from './merge.js'
import type { RunDevice, RunReport, RunSide, TimelineEvent } from './run-report.js'

/** One event of the format; times in microseconds. */
export interface TraceEvent {
  /** `X`: something that took `dur`. `i`: a moment. `C`: a counter. `M`: names something. */
  readonly ph: 'X' | 'i' | 'C' | 'M'
  readonly name: string
  readonly pid: number
  readonly tid: number
  readonly ts: number
  readonly dur?: number
  readonly cat?: string
  /** Of `i`: how far the line goes. */
  readonly s?: 'g' | 'p' | 't'
  readonly args?: Readonly<Record<string, unknown>>
}

export interface ChromeTrace {
  readonly traceEvents: readonly TraceEvent[]
  readonly displayTimeUnit: 'ms'
  readonly otherData: Readonly<Record<string, unknown>>
}

const pids: Readonly<Record<RunSide, number>> = { source: 1, destination: 2 }
/** What belongs to no device: marks, messages, the journal. */
const ENGINE = 0
// Each device has three lanes: what is in one lane never overlaps, unless one contains the other.
const LANES = ['', ' calls', ' data'] as const
const LANE_OF_CALLS = 1
const LANE_OF_DATA = 2

/** The trace of one side's report, or of both sides' on the source's clock: a process for each side, and three threads for each device. */
export function chromeTrace(report: RunReport | MergedReport): ChromeTrace {
  const sides =
    report.format === 'vfio-migration-run'
      ? [new SideTrace(report, 0, undefined)]
      : [
          new SideTrace(report.source, 0, 'source'),
          new SideTrace(report.destination, report.clock.offsetNs, 'destination'),
        ]
  const traceEvents = sides.flatMap(({ events }) => events)
  const { versions, machine, startedAt } = report.format === 'vfio-migration-run' ? report : report.source
  return { traceEvents, displayTimeUnit: 'ms', otherData: { versions, machine, startedAt } }
}

interface Place {
  readonly pid: number
  readonly tid: number
}

/** Makes the events of one side. */
class SideTrace {
  readonly #events: TraceEvent[] = []
  readonly #offset: number
  readonly #places = new Map<string, Place>()
  readonly #moved = new Map<string, { out: number; in: number }>()
  readonly #engine: Place

  constructor(report: RunReport, offset: number, side: RunSide | undefined) {
    this.#offset = offset
    const pidOf = (device: RunDevice): number => pids[side ?? device.side ?? 'source']
    this.#engine = { pid: pids[side ?? report.devices[0]?.side ?? 'source'], tid: ENGINE }
    for (const [index, device] of report.devices.entries()) {
      this.#places.set(device.name, { pid: pidOf(device), tid: 1 + index * LANES.length })
    }
    this.#names()
    this.#countDropped(report)
    for (const device of report.devices) this.#phases(device)
    for (const event of report.timeline) this.#event(event)
  }

  get events(): readonly TraceEvent[] {
    return this.#events
  }

  #names(): void {
    const named = new Set([this.#engine.pid, ...[...this.#places.values()].map(({ pid }) => pid)])
    for (const pid of named) this.#name('process_name', { pid, tid: ENGINE }, sideOf(pid))
    this.#name('thread_name', this.#engine, 'engine')
    for (const [name, { pid, tid }] of this.#places) {
      for (const [lane, suffix] of LANES.entries()) {
        this.#name('thread_name', { pid, tid: tid + lane }, `${name}${suffix}`)
      }
    }
  }

  #name(what: 'process_name' | 'thread_name', place: Place, name: string): void {
    this.#events.push({ ph: 'M', name: what, ...place, ts: 0, args: { name } })
  }

  // The counters begin with what was dropped, so that they end with the truth.
  #countDropped({ devices, timeline }: RunReport): void {
    for (const device of devices) {
      this.#moved.set(device.name, { out: device.bytesOut, in: device.bytesIn })
    }
    for (const event of timeline) {
      if (event.kind !== 'chunk' || event.error !== undefined) continue
      const moved = this.#moved.get(event.device)
      if (moved !== undefined) moved[event.direction] -= event.bytes
    }
  }

  #phases(device: RunDevice): void {
    const place = this.#places.get(device.name) ?? this.#engine
    for (const { name, startMs, ms, ...args } of device.phases) {
      this.#span(place, name, 'phase', startMs * 1e6, ms * 1e6, args)
    }
  }

  #event(event: TimelineEvent): void {
    switch (event.kind) {
      case 'mark':
        this.#moment(event.name, event.ns, 'mark', { ...event.detail })
        break
      case 'message':
        this.#moment(
          `${event.direction === 'out' ? 'sent' : 'received'} ${event.message}`,
          event.ns,
          'message',
        )
        break
      case 'journal':
        this.#span(this.#engine, `journal ${event.record}`, 'journal', event.ns, event.fsyncNs)
        break
      case 'phase':
        break
      case 'chunk':
        this.#chunk(event)
        break
      default: {
        const { kind, ns, device, durationNs, ...args } = event
        const lane = event.kind === 'register' && event.pumped ? LANE_OF_DATA : LANE_OF_CALLS
        this.#span(this.#lane(device, lane), nameOf(event), kind, ns, durationNs, args)
      }
    }
  }

  #chunk(event: Extract<TimelineEvent, { kind: 'chunk' }>): void {
    const { device, direction, ns, durationNs, bytes, deviceNs, error } = event
    const place = this.#lane(device, LANE_OF_DATA)
    const name = direction === 'out' ? 'read chunk' : 'load chunk'
    this.#span(place, name, 'chunk', ns, durationNs, { bytes, deviceUs: deviceNs / 1000, error })
    const moved = this.#moved.get(device)
    if (moved === undefined || error !== undefined) return
    moved[direction] += bytes
    this.#events.push({
      ph: 'C',
      name: `${device} bytes`,
      pid: place.pid,
      tid: place.tid,
      ts: this.#us(ns + durationNs),
      args: { ...moved },
    })
  }

  #lane(device: string, lane: number): Place {
    const place = this.#places.get(device)
    return place === undefined ? this.#engine : { pid: place.pid, tid: place.tid + lane }
  }

  #us(ns: number): number {
    return (ns - this.#offset) / 1000
  }

  #span(
    place: Place,
    name: string,
    cat: string,
    ns: number,
    durationNs: number,
    args: Readonly<Record<string, unknown>> = {},
  ): void {
    this.#events.push({ ph: 'X', name, cat, ...place, ts: this.#us(ns), dur: durationNs / 1000, args })
  }

  #moment(name: string, ns: number, cat: string, args: Readonly<Record<string, unknown>> = {}): void {
    this.#events.push({ ph: 'i', name, cat, ...this.#engine, ts: this.#us(ns), s: 'p', args })
  }
}

function sideOf(pid: number): RunSide {
  return pid === pids.source ? 'source' : 'destination'
}

function nameOf(event: Extract<TimelineEvent, { durationNs: number }>): string {
  switch (event.kind) {
    case 'state':
      return `${event.from} \u2192 ${event.to}`
    case 'register':
      return `${event.access} ${event.name ?? `region ${event.region} +${event.offset}`}`
    case 'feature':
      return `${event.access} ${event.feature}`
    case 'reset':
      return event.scope === 'hot' ? 'hot reset' : 'reset'
    case 'interrupt':
      return `${event.action} ${event.interrupt}`
    case 'chunk':
      return event.kind
  }
}
