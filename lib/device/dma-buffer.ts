// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeDmaBuffer, NativeMapping } from '../native-binding.js'
import { toBytes } from './iova.js'

export interface DmaBufferOptions {
  /** Pages of that size, all of them taken from the machine's pool at once. Default `off`: ordinary pages, taken when touched or mapped. */
  readonly hugePages?: 'off' | '2MiB' | '1GiB'
  /** Lock the memory (mlock) now, so that it counts against RLIMIT_MEMLOCK now and not first when it is mapped. Default false. */
  readonly lock?: boolean
}

/** A part of a {@link DmaBuffer} as an ArrayBuffer. */
export interface DmaWindow extends AsyncDisposable {
  readonly buffer: ArrayBuffer
  /** Detaches the ArrayBuffer. Idempotent. */
  close(): Promise<void>
}

interface OpenWindow {
  readonly offset: bigint
  readonly length: bigint
}

const HUGE_PAGES = { off: 0n, '2MiB': 2n ** 21n, '1GiB': 2n ** 30n } as const

/** The most one ArrayBuffer shows: beyond 4 GiB Node 20 aborts the process. In bytes. */
const MAX_WINDOW = 2n ** 30n

/** The most one read() returns, in bytes. */
const MAX_READ = 2 ** 30

/**
 * Memory that devices may be given: a shared memory file of its own, which neither moves nor vanishes while a device writes to it, as
 * JavaScript's own memory could. It stays mapped for devices after {@link close}, until it is unmapped there.
 */
export class DmaBuffer implements AsyncDisposable {
  /** @internal */
  readonly native: NativeDmaBuffer
  readonly #windows = new Map<NativeMapping, OpenWindow>()
  #whole: NativeMapping | undefined
  #closing: Promise<void> | undefined

  private constructor(native: NativeDmaBuffer) {
    this.native = native
  }

  /**
   * New memory, zeroed.
   * @param size in bytes, rounded up to whole pages
   * @throws {VfioSystemError} `ENOMEM`, `ENOSPC`: not so many huge pages are free (the message names the file that sets how many there are);
   *   `ENOMEM`, `EAGAIN`, `EPERM` from mlock: RLIMIT_MEMLOCK, whose value the message has
   */
  static async allocate(size: number | bigint, options: DmaBufferOptions = {}): Promise<DmaBuffer> {
    const { hugePages = 'off', lock = false } = options
    const bytes = toBytes('size', size)
    if (bytes === 0n) throw new RangeError('a DMA buffer has at least one byte')
    return new DmaBuffer(unwrap(await binding().allocateDmaBuffer(bytes, HUGE_PAGES[hugePages], lock)))
  }

  /**
   * Part of a file that somebody else made, for example the memfd of a guest's memory. The descriptor is duplicated; the caller may close
   * its own when the promise settles. Unless the file is sealed against shrinking ({@link trusted}), there is no view of it.
   * @param part `offset` (default 0) and `length` in bytes, both multiples of the file's page size
   * @throws {VfioError} `ERR_VFIO_MALFORMED`: no file, not whole pages, or beyond its end
   */
  static async fromDescriptor(
    fd: number,
    part: { readonly offset?: number | bigint; readonly length: number | bigint },
  ): Promise<DmaBuffer> {
    const [offset, length] = [toBytes('offset', part.offset ?? 0), toBytes('length', part.length)]
    return new DmaBuffer(unwrap(await binding().dmaBufferOfDescriptor(fd, offset, length)))
  }

  /** In bytes, whole pages. */
  get size(): bigint {
    return this.native.size
  }

  /** Of the pages behind it, in bytes. 0 once closed. */
  get pageSize(): number {
    return this.native.pageSize
  }

  /** Of the memory file, borrowed; -1 once closed. */
  get descriptor(): number {
    return this.native.descriptor
  }

  /** Whether nobody can take memory away under a view of it. */
  get trusted(): boolean {
    return this.native.trusted
  }

  /** False for a descriptor opened for reading, or sealed against writing: devices may only read it. */
  get writable(): boolean {
    return this.native.writable
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * The memory itself, not a copy; the same ArrayBuffer at each call, detached by {@link close}. It must not be handed to anything that
   * keeps it (a socket, a Worker's transfer list).
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: more than 1 GiB (see {@link window}), or memory that is not {@link trusted} and
   *   {@link writable} (see {@link read} and {@link write}); `ERR_VFIO_BUSY`: a window is open; `ERR_VFIO_CLOSED`
   */
  get buffer(): ArrayBuffer {
    this.#whole ??= this.#show(0n, this.size)
    return this.#whole.buffer()
  }

  /**
   * A part as an ArrayBuffer, for memory too large for one. No two views may overlap: engines do not agree on what that does.
   * @param length at most 1 GiB
   * @throws {VfioError} as {@link buffer}
   */
  window(offset: number | bigint, length: number | bigint): DmaWindow {
    const native = this.#show(toBytes('offset', offset), toBytes('length', length))
    const close = async (): Promise<void> => {
      this.#windows.delete(native)
      await native.close()
    }
    return { buffer: native.buffer(), close, [Symbol.asyncDispose]: close }
  }

  #show(offset: bigint, length: bigint): NativeMapping {
    this.#check(offset, length)
    if (length === 0n) throw new RangeError('a view has at least one byte')
    if (length > MAX_WINDOW) {
      throw new VfioError(
        'ERR_VFIO_UNSUPPORTED',
        `one view shows at most ${MAX_WINDOW} bytes, not ${length}: use window()`,
      )
    }
    for (const open of this.#windows.values()) {
      if (offset < open.offset + open.length && open.offset < offset + length) {
        throw new VfioError(
          'ERR_VFIO_BUSY',
          `a view of ${open.length} bytes at ${open.offset} is open: close it first`,
        )
      }
    }
    const native = unwrap(this.native.window(offset, length))
    this.#windows.set(native, { offset, length })
    return native
  }

  /** Copies `length` bytes (at most 1 GiB) into fresh memory. @throws {VfioSystemError} `EFAULT`: an untrusted file shrank */
  async read(offset: number | bigint, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!Number.isInteger(length) || length < 0 || length > MAX_READ)
      throw new RangeError(`a read is of 0 to ${MAX_READ} bytes, not ${length}`)
    const at = this.#check(toBytes('offset', offset), BigInt(length))
    return new Uint8Array(unwrap(await this.native.read(at, length)))
  }

  /**
   * Fills `room` from `offset` on: for memory that is read again and again. Nobody must touch `room` before the promise settles.
   * @throws as {@link read}
   */
  async readInto(offset: number | bigint, room: Uint8Array): Promise<void> {
    const at = this.#check(toBytes('offset', offset), BigInt(room.byteLength))
    unwrap(await this.native.readInto(at, room))
  }

  /**
   * Copies all of `data`, which must not change before the promise settles.
   * @throws {VfioSystemError} `EFAULT`: an untrusted file shrank, or the memory is read-only
   */
  async write(offset: number | bigint, data: Uint8Array): Promise<void> {
    const at = this.#check(toBytes('offset', offset), BigInt(data.byteLength))
    unwrap(await this.native.write(at, data))
  }

  #check(offset: bigint, length: bigint): bigint {
    if (this.#closing) throw new VfioError('ERR_VFIO_CLOSED', 'the DMA buffer is closed')
    if (offset + length > this.size)
      throw new RangeError(`${length} bytes at ${offset} lie outside of ${this.size} bytes`)
    return offset
  }

  /** Detaches every view. Where devices have it mapped, the memory stays until it is unmapped. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([...this.#windows.keys()].map((native) => native.close()))
      this.#windows.clear()
      await this.native.close()
    })()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
