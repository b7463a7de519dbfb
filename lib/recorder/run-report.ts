// SPDX-License-Identifier: MIT
import type { FlightEvent, LostChunksEvent } from '../diagnostics/events.js'
import type { DowntimeReport } from './downtime.js'

export type RunSide = 'source' | 'destination'

/** A phase of one device. */
export interface RunPhase {
  readonly name: string
  /** Since the zero of the timeline. */
  readonly startMs: number
  readonly ms: number
  /** Device data that moved in it, whichever way. */
  readonly bytes: number
  readonly chunks: number
  readonly bytesPerSecond: number
  /** How much of the time the device itself took for that data; the rest was waiting for the other side. */
  readonly deviceMs: number
}

/** One device of a run. */
export interface RunDevice {
  /** Names it in the timeline, and is unique there. */
  readonly name: string
  /** How it was specified. */
  readonly spec: string
  readonly side?: RunSide
  readonly driver?: string
  /** Device data read from it and written to it. */
  readonly bytesOut: number
  readonly bytesIn: number
  readonly chunksOut: number
  readonly chunksIn: number
  readonly phases: readonly RunPhase[]
}

type Timed<E> = E extends unknown
  ? { readonly [K in keyof E as K extends 'handle' ? never : K]: E[K] extends bigint ? number : E[K] }
  : never

/** An event as a report has it: `ns` since the zero of the timeline, `device` the unique name, numbers for all times. */
export type TimelineEvent = Timed<Exclude<FlightEvent, LostChunksEvent>>

/** How many events came that are not in the timeline, by what they were. Sums (bytes, chunks) hold all the same. */
export interface DroppedEvents {
  readonly landmarks: number
  readonly features: number
  readonly registers: number
  readonly chunks: number
}

/** What happened in a run, as plain data: sizes and times, never device data. */
export interface RunReport {
  readonly format: 'vfio-migration-run'
  readonly version: 1
  readonly ok: boolean
  /** `migrate`, `save`, `load`, … */
  readonly operation?: string
  /** What it failed with: `toJSON()` of a `VfioError`, or code and message. */
  readonly error?: Readonly<Record<string, unknown>>
  /** Wall clock (ISO 8601) at the zero of the timeline. */
  readonly startedAt: string
  /** CLOCK_MONOTONIC there, in nanoseconds, as a decimal number too large for some readers. */
  readonly zeroNs: string
  /** From the zero to the report. */
  readonly totalMs: number
  readonly versions: { readonly package: string; readonly node: string }
  readonly machine: { readonly kernel: string; readonly architecture: string; readonly processors: number }
  readonly devices: readonly RunDevice[]
  /** Absent where no device of the run was out of service and came back. */
  readonly downtime?: DowntimeReport
  readonly timeline: readonly TimelineEvent[]
  readonly dropped: DroppedEvents
}
