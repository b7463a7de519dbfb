// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { throwIfAborted, unwrap, VfioAbortError, VfioError } from '../errors/index.js'
import type { NativeFrame, NativeFrameReader, NativePumped, Outcome } from '../native-binding.js'
import { frameTypes } from './frame-type.js'
import { checkKey, type FrameTotals } from './frame-writer.js'
import { decodeManifest, type Manifest } from './manifest.js'
import { decodeSection, type Section } from './section.js'

/** The largest data frame that is accepted unless the caller says otherwise: what a v1 chunk may be. In bytes. */
export const defaultMaxData = 256 * 1024 * 1024

export interface FrameReaderOptions {
  /** The key the stream was written with. With one, an unkeyed stream is refused; without one, a MAC is not checked. */
  readonly key?: Uint8Array | undefined
  /** Largest data frame that is accepted, in bytes. Default 256 MiB. */
  readonly maxData?: number | undefined
  /** Ends the call in progress. */
  readonly signal?: AbortSignal | undefined
}

/** One frame, checked. */
export type Frame =
  | { readonly kind: 'manifest'; readonly manifest: Manifest }
  | { readonly kind: 'section-begin'; readonly section: number; readonly description: Section }
  /** Its payload comes next: {@link FrameReader.skipData}, or a load that takes it. */
  | { readonly kind: 'data'; readonly section: number; readonly length: number }
  | { readonly kind: 'section-end'; readonly section: number }
  /** A frame type newer than this release that its writer marked as one that may be passed over. */
  | { readonly kind: 'other'; readonly type: number; readonly section: number }

function decoded(frame: NativeFrame): Frame {
  const payload = new Uint8Array(frame.payload ?? new ArrayBuffer(0))
  switch (frame.type) {
    case frameTypes.manifest:
      return { kind: 'manifest', manifest: decodeManifest(payload) }
    case frameTypes.sectionBegin:
      return { kind: 'section-begin', section: frame.section, description: decodeSection(payload) }
    case frameTypes.data:
      return { kind: 'data', section: frame.section, length: frame.length }
    case frameTypes.sectionEnd:
      return { kind: 'section-end', section: frame.section }
    default:
      return { kind: 'other', type: frame.type, section: frame.section }
  }
}

/** Frames that are read at once at most, whose payloads are of 1 MiB each at most. */
const mostAtOnce = 8

/**
 * Reads the stream format of docs/stream-format.md from a descriptor, trusting nothing in it: a violation rejects with
 * `ERR_VFIO_STREAM_CORRUPT`, `ERR_VFIO_STREAM_TRUNCATED`, `ERR_VFIO_STREAM_VERSION` or `ERR_VFIO_MALFORMED`, and the reader is then
 * of no further use. One call at a time. What was read is proven intact only once {@link next} has answered null.
 */
export class FrameReader implements AsyncDisposable {
  /** @internal For the native pumps of a save or a load. */
  readonly native: NativeFrameReader
  readonly #signal: AbortSignal | undefined
  readonly #abort: () => void
  #busy = false
  #closed: Promise<unknown> | undefined

  private constructor(native: NativeFrameReader, signal: AbortSignal | undefined) {
    this.native = native
    this.#signal = signal
    this.#abort = () => native.cancel()
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /**
   * A reader at the current position of `fd`, which is borrowed: it stays open, and must stay open until {@link close}.
   * @throws {VfioSystemError} `fd` cannot be read from
   */
  static open(fd: number, options: FrameReaderOptions = {}): FrameReader {
    throwIfAborted(options.signal)
    checkKey(options.key)
    const native = unwrap(
      binding().frameReader(fd, { key: options.key ?? null, maxData: options.maxData ?? defaultMaxData }),
    )
    return new FrameReader(native, options.signal)
  }

  /** Totals so far; may be read while a call is in progress. */
  get totals(): FrameTotals {
    return this.native.totals()
  }

  /** The next frame; null once the end record was read and found right. */
  async next(): Promise<Frame | null> {
    const [frame] = await this.#call((native) => native.next(1))
    return frame ? decoded(frame) : null
  }

  /**
   * What {@link next} answers, up to the end record. Frames that are there already are read at once, so that what ends a stream takes one hop to
   * the thread that reads: read data in the turn of its own frame, and call nothing else of the reader meanwhile.
   */
  async *frames(): AsyncGenerator<Frame, void, void> {
    for (;;) {
      for (const frame of await this.#call((native) => native.next(mostAtOnce))) {
        if (frame === null) return
        yield decoded(frame)
      }
    }
  }

  /** The first frame, which must be the manifest. @throws {VfioError} `ERR_VFIO_MALFORMED` when it is not */
  async readManifest(): Promise<Manifest> {
    const frame = await this.next()
    if (frame?.kind !== 'manifest') {
      throw new VfioError('ERR_VFIO_MALFORMED', 'the stream does not begin with a manifest')
    }
    return frame.manifest
  }

  /**
   * The payload of the next frame, its checksum found right, when it is data of `section`; `undefined`, and nothing taken, when it is not. Owned
   * by the caller, and never longer than `maxData`.
   */
  async readData(section: number): Promise<Uint8Array<ArrayBuffer> | undefined> {
    const data = await this.#call((native) => native.readData(section))
    return data === null ? undefined : new Uint8Array(data)
  }

  /** Reads past the data frames of `section` that follow, checking them. */
  async skipData(section: number): Promise<{ readonly bytes: number; readonly chunks: number }> {
    const pumped: NativePumped = await this.#call((native) => native.skipData(section))
    return { bytes: pumped.bytes, chunks: pumped.chunks }
  }

  /** Ends the call in progress, which rejects with an `AbortError`. */
  cancel(): void {
    this.native.cancel()
  }

  /** Lets go of the descriptor without closing it; ends a call in progress. Idempotent. */
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

  async #call<T>(operation: (native: NativeFrameReader) => Promise<Outcome<T>>): Promise<T> {
    if (this.#closed !== undefined) throw new VfioError('ERR_VFIO_CLOSED', 'the frame reader is closed')
    if (this.#busy) throw new VfioError('ERR_VFIO_BUSY', 'another call to this frame reader is in progress')
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
