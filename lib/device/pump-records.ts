// SPDX-License-Identifier: MIT
// What the native pumps note of chunks and register accesses, told on the channels. A pump runs for as long as its data does, so what it
// notes is fetched while it runs, too.
import { channels } from '../diagnostics/channels.js'
import type { DeviceTrace } from '../diagnostics/device-trace.js'
import type { RegisterEvent } from '../diagnostics/events.js'
import { errnoName } from '../errors/index.js'
import type { NativeReason, NativeRecording } from '../native-binding.js'
import { migrationRegister } from './migration-registers.js'

/** How many records a pump keeps until they are fetched. */
const CAPACITY = 8192
/** Milliseconds between two fetches. */
const INTERVAL = 50

// FlightRecord of native/core/data/flight_ring.h.
const WORDS = 7
const REGISTER_READ = 1n
const REGISTER_WRITE = 2n
const REASON = 1n << 32n

// In the order of Reason in native/core/base/result.h.
const reasons: readonly NativeReason[] = [
  'system',
  'cancelled',
  'closed',
  'malformed',
  'unsupported',
  'short-transfer',
  'chunk-too-large',
  'truncated',
  'corrupt',
  'version',
  'invalid-argument',
  'busy',
  'disconnected',
  'timed-out',
]

/** The records of one source or sink. Notes nothing while nobody listens. */
export class PumpRecords {
  readonly #trace: DeviceTrace
  readonly #native: NativeRecording
  readonly #direction: 'out' | 'in'
  readonly #region: number | undefined
  #on = false

  /** @param region v1: the index of the migration region */
  constructor(trace: DeviceTrace, native: NativeRecording, direction: 'out' | 'in', region?: number) {
    this.#trace = trace
    this.#native = native
    this.#direction = direction
    this.#region = region
  }

  /** Before a call. @returns whether it is noted; {@link tell} then follows it */
  begin(): boolean {
    const wanted = channels.chunk.hasSubscribers || channels.register.hasSubscribers
    if (wanted !== this.#on) {
      this.#native.record(wanted ? CAPACITY : 0)
      this.#on = wanted
    }
    return wanted
  }

  /** Tells what was noted since the last time. */
  tell(): void {
    const taken = this.#native.takeRecords()
    if (taken === null) return
    if (taken.lostChunks > 0 || taken.lostRegisters > 0) {
      this.#trace.lostChunks({
        ns: taken.lostNs,
        direction: this.#direction,
        chunks: taken.lostChunks,
        bytes: taken.lostBytes,
        registers: taken.lostRegisters,
        deviceNs: taken.lostDeviceNs,
      })
    }
    const words = new BigUint64Array(taken.words)
    for (let at = 0; at < words.length; at += WORDS) this.#tellOne(words, at)
  }

  // There can be a hundred thousand a second: each is made in one go.
  #tellOne(words: BigUint64Array, at: number): void {
    const { device, handle } = this.#trace
    const kind = words[at]
    const ns = words[at + 1] ?? 0n
    const durationNs = words[at + 2] ?? 0n
    const bytes = Number(words[at + 3])
    const detail = words[at + 5] ?? 0n
    const word = words[at + 6] ?? 0n
    const error = word === 0n ? undefined : errorOf(word)
    if (kind !== REGISTER_READ && kind !== REGISTER_WRITE) {
      const direction = this.#direction
      const event = {
        kind: 'chunk',
        ns,
        device,
        handle,
        durationNs,
        direction,
        bytes,
        deviceNs: detail,
      } as const
      this.#trace.chunk(error === undefined ? event : { ...event, error })
      return
    }
    const offset = words[at + 4] ?? 0n
    const name = migrationRegister(offset, bytes)
    const event: RegisterEvent = {
      kind: 'register',
      ns,
      device,
      handle,
      durationNs,
      region: this.#region ?? 0,
      offset,
      width: bytes,
      access: kind === REGISTER_READ ? 'read' : 'write',
      pumped: true,
      ...(name === undefined ? undefined : { name }),
      ...(error === undefined ? undefined : { error }),
      ...(name === 'device_state' && error === undefined ? { value: Number(detail) } : undefined),
    }
    this.#trace.pumpedRegister(event)
  }

  /** Waits for a pump, telling what it notes meanwhile; `other` is the sink that it pumps into. */
  async follow<T>(pump: Promise<T>, other?: PumpRecords): Promise<T> {
    const tell = (): void => {
      this.tell()
      other?.tell()
    }
    const timer = setInterval(tell, INTERVAL)
    timer.unref()
    try {
      return await pump
    } finally {
      clearInterval(timer)
      tell()
    }
  }
}

function errorOf(word: bigint): string {
  if (word < REASON) return errnoName(-Number(word))
  return reasons[Number(word - REASON)] ?? 'unknown'
}
