// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { isFailure, unwrap, VfioError } from '../errors/index.js'
import type { NativeAddressSpace } from '../native-binding.js'
import { DirtyBitmap } from './dirty-bitmap.js'
import type { DmaBuffer } from './dma-buffer.js'
import { DmaMapping } from './dma-mapping.js'
import { type IovaRange, LAST_IOVA, pageSizesOf, toBytes } from './iova.js'

export interface AddressSpaceInfo {
  /** In bytes, smallest first: what a mapping's address and size must be multiples of is the first. */
  readonly pageSizes: readonly bigint[]
  /** What may be mapped: sorted, not overlapping. */
  readonly ranges: readonly IovaRange[]
  /** How many more mappings it takes; `undefined` where it does not say. */
  readonly mappingsLeft: bigint | undefined
  /** Of dirty tracking, in bytes; empty where there is none. */
  readonly dirtyPageSizes: readonly bigint[]
  /** The most bytes of bits in one report of the kernel's; `undefined` where no limit is known. Longer ones are made of several. */
  readonly largestDirtyBitmap: bigint | undefined
}

export interface MapOptions {
  /** Where devices see the memory. Default: the lowest free address from 64 KiB on that is aligned to the memory's pages. */
  readonly iova?: bigint
  /** The highest address that may be chosen when `iova` is not given, for a device that drives fewer address bits than the IOMMU. */
  readonly highest?: bigint
  /** Which part of the buffer, in bytes; whole pages. Default: all of it. */
  readonly offset?: number | bigint
  readonly length?: number | bigint
  /** What devices may do with it. Default `read-write`. */
  readonly access?: 'read' | 'write' | 'read-write'
}

/** Whoever does DMA through an address space. */
export interface AddressSpaceUser {
  readonly spec: string
  close(): Promise<void>
}

/** The most one read() returns, in bytes. */
const MAX_READ = 2 ** 30

/**
 * The I/O addresses that one or more devices see, and the memory behind them: a type1 container, an IOAS of an iommufd, or a table in this
 * process for devices that live in one.
 *
 * Calls run in order on a thread of its own. A mapping with an IOMMU behind it pins its memory, which takes a while for gigabytes.
 */
export class AddressSpace implements AsyncDisposable {
  /** @internal */
  readonly native: NativeAddressSpace
  readonly #endsWithDevices: boolean
  readonly #devices = new Set<AddressSpaceUser>()
  readonly #mappings = new Map<bigint, DmaMapping>()
  #closing: Promise<void> | undefined

  /** @internal Address spaces come from `device.addressSpace()`, a container or an IOAS. */
  constructor(native: NativeAddressSpace, options: { readonly endsWithDevices: boolean }) {
    this.native = native
    this.#endsWithDevices = options.endsWithDevices
  }

  /** An address space of this process, for several simulated devices: `openDevice('sim:…', { addressSpace })`. The caller closes it. */
  static create(): AddressSpace {
    return new AddressSpace(binding().createAddressTable(), { endsWithDevices: false })
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  /** Whether DMA goes through a table of this process, so that {@link read} and {@link write} work. */
  get inSoftware(): boolean {
    return this.#open().inSoftware
  }

  /** What is mapped through this object. */
  get mappings(): readonly DmaMapping[] {
    return [...this.#mappings.values()]
  }

  #open(): NativeAddressSpace {
    if (this.#closing) throw new VfioError('ERR_VFIO_CLOSED', 'the address space is closed')
    return this.native
  }

  /** `VFIO_IOMMU_GET_INFO`, or what the backend has in its place. Ranges and page sizes change with the devices that come. */
  async info(): Promise<AddressSpaceInfo> {
    const info = unwrap(await this.#open().info())
    return {
      pageSizes: pageSizesOf(info.pageSizes),
      ranges: info.ranges,
      mappingsLeft: info.mappings ?? undefined,
      dirtyPageSizes: pageSizesOf(info.dirtyPageSizes),
      largestDirtyBitmap: info.largestDirtyBitmap === 0n ? undefined : info.largestDirtyBitmap,
    }
  }

  /**
   * Lets devices reach the buffer's memory. Holds it until it is unmapped.
   * @throws {VfioSystemError} `EEXIST`: overlaps what is mapped; `EINVAL`: not whole pages, or outside the valid ranges; `ENOMEM`: more than
   *   may be locked; `ENOSPC`: no address or no mapping is free; `EACCES`: writes to memory that is read-only. Each message has the limit
   */
  async map(buffer: DmaBuffer, options: MapOptions = {}): Promise<DmaMapping> {
    const space = this.#open()
    if (buffer.closed) throw new VfioError('ERR_VFIO_CLOSED', 'the DMA buffer is closed')
    const offset = toBytes('offset', options.offset ?? 0)
    const length = toBytes('length', options.length ?? buffer.size - offset)
    const iova = options.iova === undefined ? null : toBytes('iova', options.iova)
    const highest = toBytes('highest', options.highest ?? LAST_IOVA)
    const access = options.access ?? 'read-write'
    const at = unwrap(await space.map(buffer.native, offset, length, iova, highest, access))
    const mapping = new DmaMapping(this, at, length)
    this.#mappings.set(at, mapping)
    return mapping
  }

  /**
   * Takes away all that is mapped from `iova` to `iova + size`; what lies between mappings need not be mapped.
   * @param options.dirty takes the pages that devices wrote until then; tracking must be on. A container reports and unmaps in one request, so
   *   that no write is lost in between; an IOAS in two, so let the devices be stopped first. It must be in pages no smaller than those tracked;
   *   the same stretch or another
   * @returns how many bytes were mapped there
   * @throws {VfioSystemError} `EINVAL`: cuts through a mapping, or no whole pages
   */
  async unmap(
    iova: bigint,
    size: number | bigint,
    options: { readonly dirty?: DirtyBitmap } = {},
  ): Promise<bigint> {
    const [first, length] = [toBytes('iova', iova), toBytes('size', size)]
    const { dirty } = options
    const { bytes, dirty: words } = unwrap(await this.#open().unmap(first, length, dirty?.pageSize ?? 0n))
    for (const mapping of this.mappings) {
      if (mapping.iova >= first && mapping.iova - first < length) this.#mappings.delete(mapping.iova)
    }
    if (dirty && isFailure(words)) dirty.markAll()
    if (dirty && words instanceof ArrayBuffer) {
      const reported = DirtyBitmap.create(first, length, dirty.pageSize)
      reported.native.add(words)
      dirty.merge(reported)
    }
    return bytes
  }

  /** Takes away everything. @returns how many bytes were mapped */
  async unmapAll(): Promise<bigint> {
    const bytes = unwrap(await this.#open().unmapAll())
    this.#mappings.clear()
    return bytes
  }

  /** What is mapped, as far as this process knows, whichever handle it was mapped through. Sorted. */
  async mapped(): Promise<readonly IovaRange[]> {
    return unwrap(await this.#open().mapped())
  }

  /**
   * Reads as a device's DMA would (at most 1 GiB), where that is done in software.
   * @throws {VfioSystemError} `EFAULT`: not all of it is mapped for reading
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: the kernel does the DMA; read the {@link DmaBuffer}
   */
  async read(iova: bigint, length: number): Promise<Uint8Array<ArrayBuffer>> {
    if (!Number.isInteger(length) || length < 0 || length > MAX_READ)
      throw new RangeError(`a read is of 0 to ${MAX_READ} bytes, not ${length}`)
    return new Uint8Array(unwrap(await this.#open().read(toBytes('iova', iova), length)))
  }

  /** Writes as a device's DMA would, dirty pages included. `data` must not change before the promise settles. @throws as {@link read} */
  async write(iova: bigint, data: Uint8Array): Promise<void> {
    unwrap(await this.#open().write(toBytes('iova', iova), data))
  }

  /**
   * From now on the pages that devices write are recorded. Does nothing when it is on already.
   *
   * type1 has no hardware for it: with a device behind an IOMMU in the container *everything* mapped is dirty in every report; with emulated
   * devices (mdev) alone, exactly what their drivers pinned or wrote.
   * @throws {VfioSystemError} `EACCES`: the container is not TYPE1v2; `ENOTTY`, `EOPNOTSUPP`: there is no tracking
   */
  async startDirtyTracking(): Promise<void> {
    unwrap(await this.#open().startDirtyTracking())
  }

  /**
   * Adds the pages that were written since the last report to the bitmap, and forgets them here. When it fails, the whole bitmap is marked:
   * nobody knows what was lost.
   * @returns the bitmap
   * @throws {VfioSystemError} `EINVAL`: tracking is not on, the bitmap's stretch cuts through a mapping, or its pages are smaller than
   *   those tracked
   */
  async reportDirty(into: DirtyBitmap): Promise<DirtyBitmap> {
    const words = await this.#open().reportDirty(into.iova, into.length, into.pageSize)
    if (isFailure(words)) into.markAll()
    into.native.add(unwrap(words))
    return into
  }

  /** Forgets what was recorded, and records no more. Does nothing when it is off. */
  async stopDirtyTracking(): Promise<void> {
    unwrap(await this.#open().stopDirtyTracking())
  }

  /** @internal */
  has(mapping: DmaMapping): boolean {
    return !this.closed && this.#mappings.get(mapping.iova) === mapping
  }

  /** @internal */
  join(device: AddressSpaceUser): void {
    this.#devices.add(device)
  }

  /** @internal The device is closed, or attached elsewhere. The last one takes an address space with it that came from a device. */
  async leave(device: AddressSpaceUser): Promise<void> {
    this.#devices.delete(device)
    if (this.#endsWithDevices && this.#devices.size === 0) await this.#end()
  }

  #end(): Promise<void> {
    this.#closing ??= (async () => {
      this.#mappings.clear()
      await this.native.close()
    })()
    return this.#closing
  }

  /**
   * Lets go. The mappings of a table end here, those of a container with its last group. Idempotent.
   * @param options.devices what to do with devices that are still attached. `refuse` (default): nothing, and throw; `close`: close them first
   * @throws {VfioError} `ERR_VFIO_BUSY` with the devices that are attached
   */
  async close(options: { readonly devices?: 'refuse' | 'close' } = {}): Promise<void> {
    const attached = [...this.#devices]
    if (attached.length > 0 && options.devices !== 'close') {
      const names = attached.map(({ spec }) => spec).join(', ')
      throw new VfioError(
        'ERR_VFIO_BUSY',
        `the address space is in use by ${names}: close them first, or close({ devices: 'close' })`,
      )
    }
    await Promise.all(attached.map((device) => device.close()))
    await this.#end()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
