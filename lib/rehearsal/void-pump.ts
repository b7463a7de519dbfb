// SPDX-License-Identifier: MIT
import { type FileHandle, open } from 'node:fs/promises'
import type { Device } from '../device/device.js'
import { RateLimit } from '../device/rate-limit.js'
import { channels } from '../diagnostics/channels.js'
import type { ChunkEvent, LostChunksEvent } from '../diagnostics/events.js'
import type { SaveSession } from '../migration/save-session.js'

export interface Speeds {
  readonly bandwidth?: number | undefined
  readonly loadRate?: number | undefined
  /** Of pre-copy alone. */
  readonly bandwidthLimit?: number | undefined
}

/**
 * Bytes per second from a device that is read at `readRate` into a destination. On another host (`bandwidth`) data goes on its way while the next
 * is read; on this host each chunk is read, then loaded.
 */
export function effectiveRate(readRate: number, { bandwidth, loadRate }: Speeds): number {
  if (bandwidth === undefined) return 1 / (1 / readRate + 1 / (loadRate ?? readRate))
  return Math.min(readRate, bandwidth, loadRate ?? Number.POSITIVE_INFINITY)
}

/** Reads a save and throws it away: in pre-copy as fast as a destination would take it, in stop-copy as fast as it comes. */
export class VoidPump implements AsyncDisposable {
  readonly #handle: number
  readonly #speeds: Speeds
  readonly #void: FileHandle
  readonly limit: RateLimit
  #bytes = 0
  #deviceMs = 0
  #hurries = false
  #watch: NodeJS.Timeout | undefined
  #endedAt = 0

  private constructor(device: Device, speeds: Speeds, void_: FileHandle) {
    this.#handle = device.trace.handle
    this.#speeds = speeds
    this.#void = void_
    this.limit = new RateLimit(speeds.bandwidth ?? Number.POSITIVE_INFINITY)
    channels.chunk.subscribe(this.#onChunk)
  }

  static async open(device: Device, speeds: Speeds): Promise<VoidPump> {
    return new VoidPump(device, speeds, await open('/dev/null', 'w'))
  }

  // However slowly the data is asked for, this is how long the device took for it.
  readonly #onChunk = (message: unknown): void => {
    const event = message as ChunkEvent | LostChunksEvent
    if (event.handle !== this.#handle || event.direction !== 'out') return
    this.#bytes += event.bytes
    this.#deviceMs += Number(event.deviceNs) / 1e6
    const rate = this.readRate
    if (rate !== undefined && !this.#hurries) this.limit.bytesPerSecond = Math.max(1, this.#preCopyRate(rate))
  }

  /** Bytes per second that the device gives, however slowly it is asked; `undefined` before it gave any. */
  get readRate(): number | undefined {
    return this.#bytes > 0 && this.#deviceMs > 0 ? (this.#bytes / this.#deviceMs) * 1000 : undefined
  }

  /** When the last byte came, on the `performance.now()` clock. */
  get endedAt(): number {
    return this.#endedAt
  }

  async read(saving: SaveSession): Promise<void> {
    await saving.pipeTo(this.#void.fd)
    this.#endedAt = performance.now()
  }

  /** The bandwidth that the policy of a migration would be told, of what was measured here. */
  bandwidthOf(measured: number | undefined): number | undefined {
    return measured === undefined
      ? undefined
      : Math.min(measured, this.#preCopyRate(this.readRate ?? measured))
  }

  #preCopyRate(readRate: number): number {
    const { bandwidthLimit = Number.POSITIVE_INFINITY } = this.#speeds
    return Math.min(effectiveRate(readRate, this.#speeds), bandwidthLimit)
  }

  /** Holds nothing up any more: the device has stopped. */
  hurry(): void {
    this.#hurries = true
    this.limit.bytesPerSecond = Number.POSITIVE_INFINITY
    clearInterval(this.#watch)
  }

  /** The same once it has `stopped`: up to then a real destination would hold it up too. */
  hurryOnce(stopped: () => boolean): void {
    this.#watch ??= setInterval(() => {
      if (stopped()) this.hurry()
    }, 1)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    channels.chunk.unsubscribe(this.#onChunk)
    clearInterval(this.#watch)
    await this.#void.close()
  }
}
