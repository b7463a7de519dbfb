// SPDX-License-Identifier: MIT
import { type Channel, subscribe, unsubscribe } from 'node:diagnostics_channel'
import { availableParallelism, release } from 'node:os'
import { channels, monotonicNs } from '../diagnostics/channels.js'
import type { DeviceTrace } from '../diagnostics/device-trace.js'
import type {
  ChunkEvent,
  ControlMessageEvent,
  FeatureEvent,
  FlightEvent,
  JournalEvent,
  LostChunksEvent,
  MarkDetail,
  MarkEvent,
  PhaseEvent,
  RegisterEvent,
} from '../diagnostics/events.js'
import { packageVersion } from '../package-version.js'
import { ChunkRing, type KeptChunk } from './chunk-ring.js'
import type { DowntimeReport } from './downtime.js'
import { errorFacts } from './error-facts.js'
import { type CountedChunks, RecordedDevice } from './recorded-device.js'
import { Ring } from './ring.js'
import type { RunReport, RunSide, TimelineEvent } from './run-report.js'

const CAPACITY = 4096
const MOST = 2 ** 20
/** How many kinds of messages are counted. */
const KINDS = 1000

export interface FlightRecorderOptions {
  /** How many events are kept of each class (landmarks, features, registers, chunks), 16 to 1 048 576. Default 4096. */
  readonly capacity?: number
}

/** A device as a recorder knows it: what `openDevice` yields. */
export interface WatchedDevice {
  readonly spec: string
  readonly driver: string | undefined
  /** @internal */
  readonly trace: DeviceTrace
}

export interface RunOutcome {
  /** What it failed with; else what {@link FlightRecorder.fail} was told. */
  readonly error?: unknown
  /** Else what {@link FlightRecorder.downtime} was set to. */
  readonly downtime?: DowntimeReport | undefined
}

/**
 * Keeps what happens to the devices it watches, in memory that does not grow: the youngest events of each class, and sums that hold whatever
 * was dropped. Listens to the channels of `vfio-migration:*` only while it watches something. Made for one run: a second one adds to the first,
 * failure included.
 */
export class FlightRecorder {
  /** What is recorded, in a word; in the report. */
  operation: string | undefined
  /** The downtime, as whoever drives the operation measured it. */
  downtime: DowntimeReport | undefined
  readonly #zero = monotonicNs()
  readonly #startedAt = new Date()
  readonly #capacity: number
  readonly #landmarks: Ring<FlightEvent>
  readonly #features: Ring<FeatureEvent>
  readonly #registers: Ring<RegisterEvent>
  readonly #chunks: ChunkRing
  // Lost in the pumps already, before they got here.
  readonly #lost = { chunks: 0, registers: 0 }
  readonly #devices = new Map<number, RecordedDevice>()
  readonly #watched = new Map<number, number>()
  readonly #messages = new Map<string, number>()
  readonly #subscriptions: readonly (readonly [Channel, (message: unknown) => void])[]
  #error: { readonly value: unknown } | undefined

  constructor(options: FlightRecorderOptions = {}) {
    const { capacity = CAPACITY } = options
    if (!Number.isInteger(capacity) || capacity < 16 || capacity > MOST) {
      throw new RangeError(`capacity must be an integer from 16 to ${MOST}, not ${capacity}`)
    }
    this.#capacity = capacity
    this.#landmarks = new Ring(capacity)
    this.#features = new Ring(capacity)
    this.#registers = new Ring(capacity)
    this.#chunks = new ChunkRing(capacity)
    const ours =
      <E extends { readonly handle: number }>(keep: (event: E, device: RecordedDevice) => void) =>
      (message: unknown): void => {
        const event = message as E
        if (!this.#watched.has(event.handle)) return
        const device = this.#devices.get(event.handle)
        if (device !== undefined) keep(event, device)
      }
    const landmark = ours<FlightEvent & { readonly handle: number }>((event) => this.#landmarks.add(event))
    this.#subscriptions = [
      [channels.state, landmark],
      [channels.reset, landmark],
      [channels.interrupt, landmark],
      [channels.phase, ours<PhaseEvent>((event, device) => this.#enter(event, device))],
      [channels.feature, ours<FeatureEvent>((event) => this.#features.add(event))],
      [channels.register, ours<RegisterEvent>((event) => this.#registers.add(event))],
      [channels.chunk, ours<ChunkEvent | LostChunksEvent>((event, device) => this.#count(event, device))],
    ]
  }

  /**
   * Records what happens to a device until the answer is disposed; `side` is its part in the run. A device may be watched again, and by
   * several parts of a program at once.
   */
  watch(device: WatchedDevice, side?: RunSide): Disposable {
    const { handle } = device.trace
    const known = this.#devices.get(handle)
    const recorded = known ?? new RecordedDevice(this.#nameFor(device.spec, side), device, this.#capacity)
    recorded.side = side ?? recorded.side
    this.#devices.set(handle, recorded)
    if (this.#watched.size === 0) for (const [on, keep] of this.#subscriptions) subscribe(on.name, keep)
    this.#watched.set(handle, (this.#watched.get(handle) ?? 0) + 1)
    let watching = true
    return {
      [Symbol.dispose]: () => {
        if (!watching) return
        watching = false
        const left = (this.#watched.get(handle) ?? 1) - 1
        if (left > 0) this.#watched.set(handle, left)
        else this.#watched.delete(handle)
        if (this.#watched.size === 0) for (const [on, keep] of this.#subscriptions) unsubscribe(on.name, keep)
      },
    }
  }

  #nameFor(spec: string, side: RunSide | undefined): string {
    const taken = new Set([...this.#devices.values()].map(({ name }) => name))
    if (!taken.has(spec)) return spec
    const sided = side === undefined ? undefined : `${spec} (${side})`
    if (sided !== undefined && !taken.has(sided)) return sided
    for (let number = 2; ; number++) {
      const numbered = `${spec} #${number}`
      if (!taken.has(numbered)) return numbered
    }
  }

  /** A phase of a device begins, and the one before it ends; `null`: it ends, and none begins. */
  phase(name: string | null, { device }: { readonly device: WatchedDevice }): void {
    device.trace.phase(name)
  }

  /** Something worth a line. `detail` is printed as it is: facts, never device data. */
  mark(name: string, detail?: MarkDetail): void {
    const event: MarkEvent = {
      kind: 'mark',
      ns: monotonicNs(),
      name,
      ...(detail === undefined ? {} : { detail }),
    }
    this.#landmarks.add(event)
    if (channels.mark.hasSubscribers) channels.mark.publish(event)
  }

  /** A control message passed between two engines. `bytes`: its size. */
  message(direction: 'out' | 'in', message: string, bytes?: number): void {
    const kind = `${direction} ${message}`
    const nth = (this.#messages.get(kind) ?? 0) + 1
    if (nth > 1 || this.#messages.size < KINDS) this.#messages.set(kind, nth)
    const event: ControlMessageEvent = {
      kind: 'message',
      ns: monotonicNs(),
      direction,
      message,
      ...(bytes === undefined ? {} : { bytes }),
      ...(this.#messages.has(kind) ? { nth } : {}),
    }
    this.#landmarks.add(event)
    if (channels.message.hasSubscribers) channels.message.publish(event)
  }

  /** A record was made durable, in that many nanoseconds up to now. */
  journal(record: string, fsyncNs: bigint): void {
    const event: JournalEvent = { kind: 'journal', ns: monotonicNs() - fsyncNs, record, fsyncNs }
    this.#landmarks.add(event)
    if (channels.journal.hasSubscribers) channels.journal.publish(event)
  }

  /** The run failed; the last failure is the one reported. */
  fail(error: unknown): void {
    this.#error = { value: error }
  }

  /** What has been recorded so far, as plain data. */
  report(outcome: RunOutcome = {}): RunReport {
    const now = Number(monotonicNs() - this.#zero)
    const failed = 'error' in outcome ? { value: outcome.error } : this.#error
    const error = failed?.value === undefined ? undefined : errorFacts(failed.value)
    const downtime = outcome.downtime ?? this.downtime
    return {
      format: 'vfio-migration-run',
      version: 1,
      ok: error === undefined,
      ...(this.operation === undefined ? {} : { operation: this.operation }),
      ...(error === undefined ? {} : { error }),
      startedAt: this.#startedAt.toISOString(),
      zeroNs: String(this.#zero),
      totalMs: now / 1e6,
      versions: { package: packageVersion(), node: process.versions.node },
      machine: { kernel: release(), architecture: process.arch, processors: availableParallelism() },
      devices: [...this.#devices.values()].map((device) => device.report(now)),
      ...(downtime === undefined ? {} : { downtime }),
      timeline: this.#timeline(),
      dropped: {
        landmarks: this.#landmarks.dropped,
        features: this.#features.dropped,
        registers: this.#registers.dropped + this.#lost.registers,
        chunks: this.#chunks.dropped + this.#lost.chunks,
      },
    }
  }

  #since(ns: bigint): number {
    return Number(ns - this.#zero)
  }

  #enter(event: PhaseEvent, device: RecordedDevice): void {
    this.#landmarks.add(event)
    device.enter(event.phase, this.#since(event.ns), this.#countedOf(event.handle))
  }

  *#countedOf(handle: number): Generator<CountedChunks, void, undefined> {
    for (const chunk of this.#chunks) {
      if (chunk.handle === handle && chunk.error === undefined) yield { ...chunk, chunks: 1 }
    }
  }

  #count(event: ChunkEvent | LostChunksEvent, device: RecordedDevice): void {
    const { direction, bytes } = event
    const ns = this.#since(event.ns)
    const deviceNs = Number(event.deviceNs)
    if (event.kind === 'lost-chunks') {
      this.#lost.chunks += event.chunks
      this.#lost.registers += event.registers
      device.count({ direction, ns, bytes, chunks: event.chunks, deviceNs })
      return
    }
    this.#chunks.add(event, ns)
    if (event.error === undefined) device.count({ direction, ns, bytes, chunks: 1, deviceNs })
  }

  #timeline(): TimelineEvent[] {
    const found: TimelineEvent[] = []
    for (const ring of [this.#landmarks, this.#features, this.#registers]) {
      for (const event of ring) found.push(this.#plain(event))
    }
    for (const chunk of this.#chunks) found.push(this.#plainChunk(chunk))
    // Stable: what began at the same time stays in the order it was told.
    return found.sort((one, other) => one.ns - other.ns)
  }

  #plain(event: FlightEvent): TimelineEvent {
    const plain: Record<string, unknown> = {}
    for (const [key, value] of Object.entries(event)) {
      if (key === 'handle') continue
      if (key === 'ns') plain[key] = this.#since(event.ns)
      else plain[key] = typeof value === 'bigint' ? Number(value) : value
    }
    if ('handle' in event) plain.device = this.#devices.get(event.handle)?.name ?? event.device
    return plain as unknown as TimelineEvent
  }

  #plainChunk({ handle, error, ...chunk }: KeptChunk): TimelineEvent {
    const device = this.#devices.get(handle)?.name ?? ''
    return { kind: 'chunk', device, ...chunk, ...(error === undefined ? {} : { error }) }
  }
}
