// SPDX-License-Identifier: MIT
import { beginning, channels } from '../diagnostics/channels.js'
import type { DeviceTrace } from '../diagnostics/device-trace.js'
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeDevice, NativeRegionInfo, RegisterWidth } from '../native-binding.js'
import type { AccessGate, AccessOptions } from './access-gate.js'
import type { Children } from './children.js'
import type { EventFd } from './event-fd.js'
import { Ioeventfd } from './ioeventfd.js'
import { migrationRegister } from './migration-registers.js'
import { regionCapabilityName, regionKind } from './region-kind.js'
import { RegionMapping } from './region-mapping.js'

/** `struct vfio_region_info` and what its capability chain said, checked. Sizes and offsets in bytes. */
export type RegionInfo = NativeRegionInfo

const REGION_READ = 1 << 0
const REGION_WRITE = 1 << 1

// VFIO_REGION_TYPE_MIGRATION_DEPRECATED and VFIO_REGION_SUBTYPE_MIGRATION_DEPRECATED: the registers of v1.
const TYPE_MIGRATION = 3
const SUBTYPE_MIGRATION = 1

/** The most one read() returns: what it returns is one piece of fresh memory. */
const MAX_READ = 1 << 30

/** What a region needs of the device it belongs to. */
export interface RegionOwner {
  /** Names the device in errors. */
  readonly spec: string
  readonly pci: boolean
  readonly children: Children
  readonly gate: AccessGate
  readonly trace: DeviceTrace
  /** Throws once the device is closed. */
  native(): NativeDevice
}

/**
 * A region of a device: a BAR, the ROM, config space, VGA's legacy ranges, or one of the driver's own, such as the migration region.
 *
 * The BARs, the ROM and VGA must be left alone while the device is in `stop`, `stop-copy`, `resuming` or `error`. Every call below refuses
 * that (`ERR_VFIO_REGION_FORBIDDEN`) unless it is forced. What it goes by is what this handle has last seen or asked for: it costs no
 * question to the device, and does not see what another holder of the device did. Config space and the driver's own regions are never
 * refused.
 */
export class Region {
  readonly #owner: RegionOwner
  readonly info: RegionInfo

  /** @internal Regions come from `device.region()`. */
  constructor(owner: RegionOwner, info: RegionInfo) {
    this.#owner = owner
    this.info = info
  }

  get index(): number {
    return this.info.index
  }

  /**
   * What it is: `bar0` to `bar5`, `rom`, `config`, `vga`; by its type capability `migration`, `intel-igd-opregion`, `gfx-edid`, ...,
   * `vendor-8086-9` or `type-5-1` for a type that `<linux/vfio.h>` does not name; else `region-N`.
   *
   * The ROM needs its enable bit in config space no more than any other region: vfio-pci switches the decoder on for each read. A ROM that
   * the host has shadowed is read from there.
   */
  get kind(): string {
    return regionKind(this.info, this.#owner.pci)
  }

  /** What its capability chain holds: `sparse-mmap`, `type`, `msix-mappable`, ... or `unknown-N`. */
  get capabilities(): readonly string[] {
    return this.info.capabilities.map(regionCapabilityName)
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

  /**
   * Reads a register: exactly one access of `width` bytes reaches the device. `offset` in bytes, a multiple of `width`.
   * @throws {VfioError} `ERR_VFIO_REGION_FORBIDDEN`; `ERR_VFIO_NO_SUCH_REGION` outside of the region
   */
  async readRegister(offset: number | bigint, width: 1 | 2 | 4, options?: AccessOptions): Promise<number>
  async readRegister(offset: number | bigint, width: 8, options?: AccessOptions): Promise<bigint>
  async readRegister(
    offset: number | bigint,
    width: RegisterWidth,
    options?: AccessOptions,
  ): Promise<number | bigint> {
    const at = this.#checked(offset, width, width)
    this.#owner.gate.check(this.index, options)
    const began = beginning(channels.register)
    const outcome = await this.#owner.native().readRegister(this.index, at, width)
    if (began !== undefined) this.#told(began, outcome, 'read', at, width, outcome)
    const value = unwrap(outcome, this.#owner.spec)
    return width === 8 ? value : Number(value)
  }

  /** Writes a register: exactly one access of `width` bytes. @throws {VfioError} as {@link readRegister} */
  async writeRegister(
    offset: number | bigint,
    width: RegisterWidth,
    value: number | bigint,
    options?: AccessOptions,
  ): Promise<void> {
    const at = this.#checked(offset, width, width)
    const wide = BigInt(value)
    if (wide < 0n || wide >= 1n << BigInt(8 * width)) {
      throw new RangeError(`${value} does not fit a register of ${width} bytes`)
    }
    this.#owner.gate.check(this.index, options)
    const began = beginning(channels.register)
    const outcome = await this.#owner.native().writeRegister(this.index, at, width, wide)
    if (began !== undefined) this.#told(began, outcome, 'write', at, width, wide)
    unwrap(outcome, this.#owner.spec)
  }

  /**
   * Reads `length` bytes (at most 1 GiB) into fresh memory. Bulk: the kernel chooses the width of the accesses.
   * @throws {VfioError} as {@link readRegister}
   */
  async read(
    offset: number | bigint,
    length: number,
    options?: AccessOptions,
  ): Promise<Uint8Array<ArrayBuffer>> {
    if (!Number.isInteger(length) || length < 0 || length > MAX_READ) {
      throw new RangeError(`a read is of 0 to ${MAX_READ} bytes, not ${length}`)
    }
    const at = this.#checked(offset, length, 1)
    this.#owner.gate.check(this.index, options)
    const began = beginning(channels.register)
    const outcome = await this.#owner.native().readRegion(this.index, at, length)
    if (began !== undefined) this.#told(began, outcome, 'read', at, length)
    return new Uint8Array(unwrap(outcome, this.#owner.spec))
  }

  /** Writes all of `data`, which must not change before the promise settles. @throws {VfioError} as {@link readRegister} */
  async write(offset: number | bigint, data: Uint8Array, options?: AccessOptions): Promise<void> {
    const at = this.#checked(offset, data.byteLength, 1)
    this.#owner.gate.check(this.index, options)
    const length = data.byteLength
    const began = beginning(channels.register)
    const outcome = await this.#owner.native().writeRegion(this.index, at, data)
    if (began !== undefined) this.#told(began, outcome, 'write', at, length)
    unwrap(outcome, this.#owner.spec)
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
      unwrap(await this.#owner.native().setIoeventfd(this.index, at, width, wide, target), this.#owner.spec)
    }
    await assign(event)
    return this.#owner.children.add(
      new Ioeventfd(this.#owner.children, async () => {
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
   *
   * A mapping outlives a change of the device's state. Its own accessors are refused then as those of the region, but nothing can stop
   * whoever uses the buffer of a mapping that was made before.
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED` when it is not mappable; `ERR_VFIO_REGION_FORBIDDEN`, in low power also if forced
   */
  async map(
    offset: number | bigint,
    length: number | bigint,
    protection: 'read' | 'write' | 'read-write' = 'read-write',
    options?: AccessOptions,
  ): Promise<RegionMapping> {
    const at = this.#checked(offset, length, 1)
    const { gate, spec, children } = this.#owner
    gate.checkMap(this.index, options)
    const mapping = unwrap(await this.#owner.native().map(this.index, at, BigInt(length), protection), spec)
    return children.add(new RegionMapping(mapping, this.index, this.#owner))
  }

  /** @param value of a register; told only if it is `device_state`, since any other could be the device's data */
  #told(
    began: bigint,
    outcome: unknown,
    access: 'read' | 'write',
    offset: bigint,
    width: number,
    value?: unknown,
  ): void {
    const { type } = this.info
    const name =
      type?.type === TYPE_MIGRATION && type.subtype === SUBTYPE_MIGRATION
        ? migrationRegister(offset, width)
        : undefined
    this.#owner.trace.register(began, outcome, {
      region: this.index,
      ...(name === undefined ? {} : { name }),
      offset,
      width,
      access,
      ...(name === 'device_state' && typeof value === 'bigint' ? { value: Number(value) } : {}),
    })
  }

  #checked(offset: number | bigint, length: number | bigint, alignment: number): bigint {
    if (typeof offset === 'number' && !Number.isSafeInteger(offset))
      throw new RangeError(`offset ${offset} is not an integer`)
    const at = BigInt(offset)
    if (at < 0n || at + BigInt(length) > this.size) {
      throw new VfioError(
        'ERR_VFIO_NO_SUCH_REGION',
        `${length} bytes at ${at} lie outside region ${this.index} of ${this.size} bytes`,
        { device: this.#owner.spec },
      )
    }
    if (at % BigInt(alignment) !== 0n)
      throw new RangeError(`offset ${at} is not a multiple of the access width ${alignment}`)
    return at
  }
}
