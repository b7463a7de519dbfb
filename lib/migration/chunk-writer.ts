// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { throwIfAborted, unwrap, VfioAbortError, VfioError } from '../errors/index.js'
import type { NativeChunkWriter, Outcome } from '../native-binding.js'
import type { Chunk, Moved } from './chunk.js'
import { lenderOf } from './lent-chunk.js'

/** Chunks on their way while the next one is read. More of them are colder in the caches, and were slower into everything. */
const IN_FLIGHT = 1

export interface ChunkWriterOptions {
  /** Ends the writes in progress: they reject with an `AbortError`, and an unknown part of their bytes is out. */
  readonly signal?: AbortSignal | undefined
}

/**
 * Writes the chunks of a save's iteration to a descriptor, on a thread of its own, and takes their memory over: the device is read on while
 * they are written, and nothing is copied for it. For programs that look at the chunks on their way; others are faster with `pipeTo(fd)`.
 *
 * ```ts
 * const writer = ChunkWriter.over(fd)
 * for await (const chunk of saving) {
 *   inspect(chunk.data)
 *   await writer.write(chunk)
 * }
 * await writer.flush()
 * await writer.close()
 * ```
 */
export class ChunkWriter implements AsyncDisposable {
  readonly #native: NativeChunkWriter
  readonly #signal: AbortSignal | undefined
  readonly #abort: () => void
  /** Oldest first; each is handled, and counted in {@link written}. */
  readonly #flights: Promise<void>[] = []
  #bytes = 0
  #chunks = 0
  #failure: unknown
  #closed: Promise<unknown> | undefined

  private constructor(native: NativeChunkWriter, signal: AbortSignal | undefined) {
    this.#native = native
    this.#signal = signal
    this.#abort = () => native.cancel()
    signal?.addEventListener('abort', this.#abort, { once: true })
  }

  /**
   * A writer at the current position of `fd` (file, pipe or stream socket), which is borrowed: it is duplicated, and neither closed nor
   * changed. A UNIX socket has a larger send buffer as long as the writer is open.
   * @throws {VfioSystemError} `fd` cannot be written to
   */
  static over(fd: number, options: ChunkWriterOptions = {}): ChunkWriter {
    throwIfAborted(options.signal)
    return new ChunkWriter(unwrap(binding().chunkWriter(fd)), options.signal)
  }

  /** What is written; may be read at any time. */
  get written(): Moved {
    return { bytes: this.#bytes, chunks: this.#chunks }
  }

  /**
   * Takes `chunk` over: its `data` has length 0 from here on, and its memory goes back to the save by itself. Resolves as soon as the next
   * chunk may be asked for: when no more than one is on its way, or, for a chunk in the device's own memory (v1 mapped: before stop-copy,
   * and above 4 MiB), when it is written. Await it: the save is not held up otherwise, and takes ever more memory.
   * @throws {VfioSystemError} this write or one before it failed, as `EPIPE` or `ENOSPC`: every one after it does, and an unknown part is out
   * @throws {VfioError} `ERR_VFIO_CLOSED`: the writer is closed, or the chunk is no longer lent
   * @throws {TypeError} `chunk` is not one that the iteration of a save yielded
   */
  async write(chunk: Chunk): Promise<void> {
    this.#check()
    const lender = lenderOf(chunk)
    if (lender === undefined) throw new TypeError('a chunk writer takes over chunks that a save has lent')
    const { byteLength } = chunk.data
    if (byteLength === 0) throw new VfioError('ERR_VFIO_CLOSED', 'the chunk is no longer lent')
    const { inPlace, written } = unwrap(this.#native.write(lender.native))
    this.#flights.push(this.#follow(written, byteLength))
    await this.#settle(inPlace ? 0 : IN_FLIGHT)
  }

  /** Resolves when everything handed over is written. @throws as {@link write} does */
  async flush(): Promise<void> {
    this.#check()
    await this.#settle(0)
  }

  /** Lets go of the descriptor. Ends what is still on its way: {@link flush} first. Idempotent. */
  async close(): Promise<void> {
    this.#closed ??= this.#close()
    await this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  async #follow(written: Promise<Outcome<null>>, bytes: number): Promise<void> {
    try {
      unwrap(await written)
      this.#bytes += bytes
      this.#chunks++
    } catch (error) {
      this.#failure ??=
        error instanceof VfioAbortError && this.#signal?.aborted
          ? new VfioAbortError(this.#signal.reason)
          : error
    }
  }

  async #settle(most: number): Promise<void> {
    while (this.#flights.length > most) await this.#flights.shift()
    if (this.#failure !== undefined) throw this.#failure
  }

  #check(): void {
    if (this.#closed !== undefined) throw new VfioError('ERR_VFIO_CLOSED', 'the chunk writer is closed')
    if (this.#failure !== undefined) throw this.#failure
    throwIfAborted(this.#signal)
  }

  async #close(): Promise<void> {
    this.#signal?.removeEventListener('abort', this.#abort)
    this.#native.cancel()
    await this.#native.close()
    await Promise.all(this.#flights)
  }
}
