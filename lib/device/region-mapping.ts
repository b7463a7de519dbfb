// SPDX-License-Identifier: MIT
import { unwrap } from '../errors/index.js'
import type { NativeMapping, RegisterWidth } from '../native-binding.js'
import type { AccessGate, AccessOptions } from './access-gate.js'
import type { Children } from './children.js'

/** What a mapping needs of the device it belongs to. */
export interface MappingOwner {
  readonly spec: string
  readonly children: Children
  readonly gate: AccessGate
}

/**
 * Device memory mapped into this process. It is closed with its device.
 *
 * For registers there are {@link read} and {@link write}: exactly one load or store of the width asked for, at once, without a system call.
 * {@link buffer} is for data: a JavaScript engine may split, join or repeat what it does through a typed array, which a register does not
 * forgive.
 *
 * A device whose memory does not answer (its decoder switched off in the command register, low power, pulled out) ends this process with
 * SIGBUS when it is touched: that is how mapped memory fails. `Region.readRegister` gives an error instead.
 */
export class RegionMapping implements AsyncDisposable {
  readonly #native: NativeMapping
  readonly #region: number
  readonly #owner: MappingOwner

  /** @internal Mappings come from `region.map()`. */
  constructor(native: NativeMapping, region: number, owner: MappingOwner) {
    this.#native = native
    this.#region = region
    this.#owner = owner
  }

  /** In bytes. */
  get size(): number {
    return this.#native.size
  }

  /**
   * The same ArrayBuffer at each call, a view of the device itself and not a copy. Empty once closed. It must not be handed to anything
   * that keeps it (a socket, a Worker's transfer list).
   */
  get buffer(): ArrayBuffer {
    return this.#native.buffer()
  }

  /**
   * One load of `width` bytes. Synchronous: a memory access does not wait for anything but the device's answer.
   * @param offset in bytes from the start of the mapping, a multiple of `width`
   * @throws {RangeError} outside of the mapping, or not a multiple of `width`
   * @throws {VfioError} `ERR_VFIO_REGION_FORBIDDEN` (see {@link Region}), `ERR_VFIO_CLOSED`; `ERR_VFIO_UNSUPPORTED`: mapped for writing
   */
  read(offset: number, width: 1 | 2 | 4, options?: AccessOptions): number
  read(offset: number, width: 8, options?: AccessOptions): bigint
  read(offset: number, width: RegisterWidth, options?: AccessOptions): number | bigint {
    this.#check(offset, width, options)
    return unwrap(this.#native.read(offset, width), this.#owner.spec)
  }

  /** One store of `width` bytes. @throws as {@link read}; {RangeError} `value` does not fit */
  write(offset: number, width: RegisterWidth, value: number | bigint, options?: AccessOptions): void {
    this.#check(offset, width, options)
    if (width === 8) {
      const wide = BigInt(value)
      if (BigInt.asUintN(64, wide) !== wide) throw unfit(value, width)
      unwrap(this.#native.write(offset, width, wide), this.#owner.spec)
      return
    }
    const narrow = Number(value)
    if (!Number.isInteger(narrow) || narrow < 0 || narrow >= 2 ** (8 * width)) throw unfit(value, width)
    unwrap(this.#native.write(offset, width, narrow), this.#owner.spec)
  }

  #check(offset: number, width: number, options: AccessOptions | undefined): void {
    const { size } = this
    if (width !== 1 && width !== 2 && width !== 4 && width !== 8)
      throw new RangeError(`a register has 1, 2, 4 or 8 bytes, not ${width}`)
    if (!Number.isInteger(offset) || offset < 0 || offset > size - width) {
      throw new RangeError(`${width} bytes at ${offset} lie outside a mapping of ${size} bytes`)
    }
    if (offset % width !== 0)
      throw new RangeError(`offset ${offset} is not a multiple of the access width ${width}`)
    this.#owner.gate.check(this.#region, options)
  }

  /** Detaches the buffer and unmaps. Idempotent. */
  async close(): Promise<void> {
    this.#owner.children.delete(this)
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function unfit(value: number | bigint, width: number): RangeError {
  return new RangeError(`${value} does not fit a register of ${width} bytes`)
}
