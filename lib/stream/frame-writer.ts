// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import type { RateLimit } from '../device/rate-limit.js'
import { throwIfAborted, unwrap, VfioAbortError, VfioError } from '../errors/index.js'
import type { NativeControlFrame, NativeFrameWriter, Outcome } from '../native-binding.js'
import { frameTypes } from './frame-type.js'
import { encodeManifest, type Manifest } from './manifest.js'
import { encodeSection, type Section } from './section.js'

export interface FrameWriterOptions {
  /** Adds a SHA-256 to every data frame. Default false: a CRC-32 per frame, and one SHA-256 over all frame headers. */
  readonly strong?: boolean
  /** HMAC-SHA256 key, at least 16 bytes: a reader that has it can tell who wrote the stream. */
  readonly key?: Uint8Array | undefined
  /** Ends the write in progress; the stream is then cut off and must be thrown away. */
  readonly signal?: AbortSignal | undefined
}

export interface FrameTotals {
  readonly frames: number
  /** All bytes of the stream so far, framing included. */
  readonly bytes: number
  /** Device data alone. */
  readonly payloadBytes: number
}

/** Keys shorter than this are refused: they protect nothing. In bytes. */
export const minKeyBytes = 16

/** @throws {RangeError} `ERR_OUT_OF_RANGE` for a key that is too short */
export function checkKey(key: Uint8Array | undefined): void {
  if (key !== undefined && key.byteLength < minKeyBytes) {
    throw Object.assign(
      new RangeError(`a key must have at least ${minKeyBytes} bytes, this one has ${key.byteLength}`),
      {
        code: 'ERR_OUT_OF_RANGE',
      },
    )
  }
}

function beginning(section: number, description: Section): NativeControlFrame {
  return { type: frameTypes.sectionBegin, section, payload: encodeSection(description) }
}

function ending(section: number): NativeControlFrame {
  return { type: frameTypes.sectionEnd, section, payload: new Uint8Array(0) }
}

/**
 * Writes the stream format of docs/stream-format.md to a descriptor: manifest, sections of data frames, end record. One call at a
 * time; a second one rejects with `ERR_VFIO_BUSY`. The writing happens on a thread of its own.
 */
export class FrameWriter implements AsyncDisposable {
  /** @internal For the native pumps of a save or a load. */
  readonly native: NativeFrameWriter
  readonly #signal: AbortSignal | undefined
  readonly #abort: () => void
  #busy = false
  #closed: Promise<unknown> | undefined

  private constructor(native: NativeFrameWriter, signal: AbortSignal | undefined) {
    this.native = native
    this.#signal = signal
    this.#abort = () => native.cancel()
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /**
   * A writer at the current position of `fd`, which is borrowed: it stays open, and must stay open until {@link close}.
   * @throws {VfioSystemError} `fd` cannot be written to
   */
  static open(fd: number, options: FrameWriterOptions = {}): FrameWriter {
    throwIfAborted(options.signal)
    checkKey(options.key)
    const native = unwrap(
      binding().frameWriter(fd, { strong: options.strong ?? false, key: options.key ?? null }),
    )
    return new FrameWriter(native, options.signal)
  }

  /** Totals so far; may be read while a call is in progress. */
  get totals(): FrameTotals {
    return this.native.totals()
  }

  /** The first frame. @throws {VfioError} `ERR_VFIO_MALFORMED` when the manifest breaks its rules */
  async writeManifest(manifest: Manifest): Promise<void> {
    const payload = encodeManifest(manifest)
    await this.#write([{ type: frameTypes.manifest, section: 0, payload }])
  }

  /** Opens section number `section` (1 and up, each used once). Sections of several devices may be open at once. */
  async beginSection(section: number, description: Section): Promise<void> {
    await this.#write([beginning(section, description)])
  }

  /** One data frame, whose borders the reader gets back, as soon as the limit lets it through. `data` must not change before the promise settles. */
  async writeData(section: number, data: Uint8Array, limit?: RateLimit): Promise<void> {
    await this.#call((native) => native.writeData(section, data, limit?.native ?? null))
  }

  async endSection(section: number): Promise<void> {
    await this.#write([ending(section)])
  }

  /** The end record. A stream without one is truncated, and no reader takes it. */
  async finish(): Promise<void> {
    await this.#write([], true)
  }

  /**
   * Ends `section`, writes sections that consist of their description alone, by their numbers, and {@link finish}es: all that follows the data
   * of a device, at once, since the device stands still meanwhile.
   */
  async conclude(section: number, whole: ReadonlyMap<number, Section> = new Map()): Promise<void> {
    const more = [...whole].flatMap(([number, description]) => [
      beginning(number, description),
      ending(number),
    ])
    await this.#write([ending(section), ...more], true)
  }

  /** Ends the call in progress, which rejects with an `AbortError`. */
  cancel(): void {
    this.native.cancel()
  }

  /** Lets go of the descriptor without closing it; ends a call in progress. Writes no end record. Idempotent. */
  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close()
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort)
    this.native.cancel()
    await this.native.close()
  }

  async #write(frames: readonly NativeControlFrame[], end = false): Promise<void> {
    await this.#call((native) => native.writeControls(frames, end))
  }

  async #call<T>(operation: (native: NativeFrameWriter) => Promise<Outcome<T>>): Promise<T> {
    if (this.#closed !== undefined) throw new VfioError('ERR_VFIO_CLOSED', 'the frame writer is closed')
    if (this.#busy) throw new VfioError('ERR_VFIO_BUSY', 'another call to this frame writer is in progress')
    throwIfAborted(this.#signal)
    this.#busy = true
    try {
      return unwrap(await operation(this.native))
    } catch (error) {
      if (error instanceof VfioAbortError && this.#signal?.aborted)
        throw new VfioAbortError(this.#signal.reason)
      throw error
    } finally {
      this.#busy = false
    }
  }
}
