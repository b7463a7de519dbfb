// SPDX-License-Identifier: MIT
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeDevice, NativeRegionInfo, RegisterWidth } from '../native-binding.js'
import type { Children } from './children.js'
import type { EventFd } from './event-fd.js'
import { Ioeventfd } from './ioeventfd.js'
import { RegionMapping } from './region-mapping.js'

/** `struct vfio_region_info` and what its capability chain said, checked. Sizes and offsets in bytes. */
export type RegionInfo = NativeRegionInfo

const REGION_READ = 1 << 0
const REGION_WRITE = 1 << 1

/** The most one read() returns: what it returns is one piece of fresh memory. */
const MAX_READ = 1 << 30

/** A region of a device: a BAR, config space, the migration region. */
export class Region {
  readonly #device: string
  readonly #native: () => NativeDevice
  readonly #siblings: Children
  readonly info: RegionInfo

  /** @internal Regions come from `device.region()`. */
  constructor(device: string, native: () => NativeDevice, siblings: Children, info: RegionInfo) {
    this.#device = device
    this.#siblings = siblings
    this.#native = native
    this.info = info
  }

  get index(): number {
    return this.info.index
  }

  /** In bytes. */
  get size(): bigint {
    return this.info.size
  }

  get readable(): boolean {
    return (this.info.flags & REGION_READ) !== 0
  }

  get writable(): boolean {
    return (this.info.flags & REGION_WRITE) !== 0
  }

  /** Reads a register: exactly one access of `width` bytes reaches the device. `offset` in bytes, a multiple of `width`. */
  async readRegister(offset: number | bigint, width: 1 | 2 | 4): Promise<number>
  async readRegister(offset: number | bigint, width: 8): Promise<bigint>
  async readRegister(offset: number | bigint, width: RegisterWidth): Promise<number | bigint> {
    const at = this.#checked(offset, width, width)
    const value = unwrap(await this.#native().readRegister(this.index, at, width), this.#device)
    return width === 8 ? value : Number(value)
  }

  /** Writes a register: exactly one access of `width` bytes. */
  async writeRegister(offset: number | bigint, width: RegisterWidth, value: number | bigint): Promise<void> {
    const at = this.#checked(offset, width, width)
    const wide = BigInt(value)
    if (wide < 0n || wide >= 1n << BigInt(8 * width)) {
      throw new RangeError(`${value} does not fit a register of ${width} bytes`)
    }
    unwrap(await this.#native().writeRegister(this.index, at, width, wide), this.#device)
  }

  /** Reads `length` bytes (at most 1 GiB) into fresh memory. Bulk: the kernel chooses the width of the accesses. */
  async read(offset: number | bigint, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!Number.isInteger(length) || length < 0 || length > MAX_READ) {
      throw new RangeError(`a read is of 0 to ${MAX_READ} bytes, not ${length}`)
    }
    const at = this.#checked(offset, length, 1)
    return new Uint8Array(unwrap(await this.#native().readRegion(this.index, at, length), this.#device))
  }

  /** Writes all of `data`, which must not change before the promise settles. */
  async write(offset: number | bigint, data: Uint8Array): Promise<void> {
    const at = this.#checked(offset, data.byteLength, 1)
    unwrap(await this.#native().writeRegion(this.index, at, data), this.#device)
  }

  /**
   * `VFIO_DEVICE_IOEVENTFD`: from now on the kernel writes `value` whenever `event` is signalled, without this process: a doorbell that a
   * guest rings through KVM.
   * @param offset in bytes, a multiple of `width`
   * @param event an eventfd, or the descriptor of somebody else's; it stays the giver's
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED` where the backend has none
   * @throws {VfioSystemError} EINVAL: not in a BAR, or on the MSI-X table; EEXIST: this write has an eventfd already; ENOSPC: too many;
   *   ENOTTY: not a device of vfio-pci or one of its variants
   */
  async ioeventfd(
    offset: number | bigint,
    width: RegisterWidth,
    value: number | bigint,
    event: EventFd | number,
  ): Promise<Ioeventfd> {
    const at = this.#checked(offset, width, width)
    const wide = BigInt(value)
    if (wide < 0n || wide >= 1n << BigInt(8 * width))
      throw new RangeError(`${wide} does not fit ${width} bytes`)
    const assign = async (to: EventFd | number): Promise<void> => {
      const target = typeof to === 'number' ? to : to.native
      unwrap(await this.#native().setIoeventfd(this.index, at, width, wide, target), this.#device)
    }
    await assign(event)
    return this.#siblings.add(
      new Ioeventfd(this.#siblings, async () => {
        try {
          await assign(-1)
        } catch (error) {
          // The device is gone, and its assignments with it.
          if (!(error instanceof VfioError && error.code === 'ERR_VFIO_CLOSED')) throw error
        }
      }),
    )
  }

  /**
   * Maps part of a mappable area. `offset` must be page-aligned and the whole stretch inside one area of `info.mappable`.
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED` when it is not mappable
   */
  async map(
    offset: number | bigint,
    length: number | bigint,
    protection: 'read' | 'write' | 'read-write' = 'read-write',
  ): Promise<RegionMapping> {
    const at = this.#checked(offset, length, 1)
    const mapping = unwrap(await this.#native().map(this.index, at, BigInt(length), protection), this.#device)
    return this.#siblings.add(new RegionMapping(mapping, this.#siblings))
  }

  #checked(offset: number | bigint, length: number | bigint, alignment: number): bigint {
    if (typeof offset === 'number' && !Number.isSafeInteger(offset))
      throw new RangeError(`offset ${offset} is not an integer`)
    const at = BigInt(offset)
    if (at < 0n || at + BigInt(length) > this.size) {
      throw new VfioError(
        'ERR_VFIO_NO_SUCH_REGION',
        `${length} bytes at ${at} lie outside region ${this.index} of ${this.size} bytes`,
        { device: this.#device },
      )
    }
    if (at % BigInt(alignment) !== 0n)
      throw new RangeError(`offset ${at} is not a multiple of the access width ${alignment}`)
    return at
  }
}
