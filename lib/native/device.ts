// SPDX-License-Identifier: MIT
// A device of any backend.
import type { NativeSession, NativeSink, NativeSource, NativeV1Options } from './data.js'
import type { NativeAddressSpace, NativeIovaRange } from './dma.js'
import type { Outcome } from './failure.js'
import type { NativeIoas } from './kernel.js'
import type { NativeCompanion, NativeDescriptorKind } from './ownership.js'
import type { NativeServeOptions, NativeServer } from './vfio-user.js'

export interface NativeDeviceInfo {
  readonly flags: number
  readonly regions: number
  readonly irqs: number
}

export interface NativeArea {
  readonly offset: bigint
  readonly size: bigint
}

export interface NativeRegionInfo {
  readonly index: number
  readonly flags: number
  readonly size: bigint
  readonly offset: bigint
  /** Sorted, inside the region, not overlapping. */
  readonly mappable: readonly NativeArea[]
  readonly type: { readonly type: number; readonly subtype: number } | null
  readonly capabilities: readonly number[]
}

export interface NativeIrqInfo {
  readonly index: number
  readonly flags: number
  readonly count: number
}

/** `id`: of its group, or, `byDeviceId`, in the iommufd. */
export interface NativeHotResetInfo {
  readonly byDeviceId: boolean
  readonly devices: readonly {
    readonly address: string
    readonly id: number | null
    readonly owned: boolean
  }[]
}

export type RegisterWidth = 1 | 2 | 4 | 8

/** A device handle. Control calls run in order on the device's own thread; reset and region access never wait behind them. */
export interface NativeDevice {
  /** -1 where the backend has none. */
  readonly descriptor: number
  /** What a new holder needs besides, borrowed; empty once closed. */
  readonly companions: readonly NativeCompanion[]
  info(): Promise<Outcome<NativeDeviceInfo>>
  regionInfo(index: number): Promise<Outcome<NativeRegionInfo>>
  irqInfo(index: number): Promise<Outcome<NativeIrqInfo>>
  /**
   * VFIO_DEVICE_SET_IRQS, in order with other requests of this kind. A count: all of them from `start` on (with `trigger`, 0 disables the
   * index). Booleans: those of them. Eventfds: what to signal, or what unmasks; descriptors that are not ours must stay open until the
   * promise settles, -1 takes one away.
   */
  setIrqs(
    index: number,
    start: number,
    action: 'mask' | 'unmask' | 'trigger',
    data: number | readonly boolean[] | readonly (NativeEventFd | number)[],
  ): Promise<Outcome<null>>
  /** VFIO_DEVICE_IOEVENTFD; -1 takes the assignment back. */
  setIoeventfd(
    index: number,
    offset: bigint,
    width: RegisterWidth,
    value: bigint,
    event: NativeEventFd | number,
  ): Promise<Outcome<null>>
  reset(): Promise<Outcome<null>>
  hotResetInfo(): Promise<Outcome<NativeHotResetInfo>>
  /** `groups`: descriptors of groups that somebody else opened, borrowed until the promise settles. */
  hotReset(groups: readonly number[]): Promise<Outcome<null>>
  /** Exactly one access of `width` bytes. */
  readRegister(index: number, offset: bigint, width: RegisterWidth): Promise<Outcome<bigint>>
  writeRegister(index: number, offset: bigint, width: RegisterWidth, value: bigint): Promise<Outcome<null>>
  /** All of `length` bytes, in fresh memory. */
  readRegion(index: number, offset: bigint, length: number): Promise<Outcome<ArrayBuffer>>
  /** All of `data`, which must not change before the promise settles. */
  writeRegion(index: number, offset: bigint, data: Uint8Array): Promise<Outcome<null>>
  map(
    index: number,
    offset: bigint,
    length: bigint,
    protection: 'read' | 'write' | 'read-write',
  ): Promise<Outcome<NativeMapping>>
  migrationFlags(): Promise<Outcome<bigint>>
  migrationState(): Promise<Outcome<number>>
  setMigrationState(state: number): Promise<Outcome<NativeSession | null>>
  migrationDataSize(): Promise<Outcome<bigint>>
  /** The session behind a data descriptor that another holder of the device was given; duplicated. */
  adoptSession(fd: number): Promise<Outcome<NativeSession>>
  /** The page size that the device logs in. */
  startDmaLog(ranges: readonly NativeIovaRange[], pageSize: bigint): Promise<Outcome<bigint>>
  /** The bitmap's words. */
  reportDmaLog(iova: bigint, length: bigint, pageSize: bigint): Promise<Outcome<ArrayBuffer>>
  stopDmaLog(): Promise<Outcome<null>>
  /** null while it is attached to none. Handles come and go: see `isSameAs`. */
  addressSpace(): Promise<Outcome<NativeAddressSpace | null>>
  attach(space: NativeAddressSpace | NativeIoas): Promise<Outcome<null>>
  detach(): Promise<Outcome<null>>
  /** VFIO_DEVICE_FEATURE as it is; resolves with the payload afterwards. */
  feature(flags: number, payload: Uint8Array): Promise<Outcome<ArrayBuffer>>
  /** v1: save rounds over the migration region at `index`. */
  v1Source(index: number, options: NativeV1Options): NativeSource
  /** v1: load rounds over the migration region at `index`. */
  v1Sink(index: number, options: NativeV1Options): NativeSink
  /** Serves the device over vfio-user; listens when this resolves. The server holds the device. */
  serve(path: string, options: NativeServeOptions): Promise<Outcome<NativeServer>>
  /** Idempotent. Settles when every call in progress has returned and the descriptor is closed. */
  close(): Promise<null>
}

/** The owner of device memory mapped into this process. */
export interface NativeMapping {
  readonly size: number
  /** The same ArrayBuffer at each call, until close() detaches it. */
  buffer(): ArrayBuffer
  /** One load, at once: a number, or a bigint for 8 bytes. */
  read(offset: number, width: RegisterWidth): Outcome<number | bigint>
  /** One store, at once. `value`: a bigint for 8 bytes. */
  write(offset: number, width: RegisterWidth, value: number | bigint): Outcome<null>
  close(): Promise<null>
}

/** An eventfd. What it does not answer with a failure it does at once. */
export interface NativeEventFd {
  /** -1 once closed. */
  readonly descriptor: number
  /** Adds to the counter. */
  signal(count: number): Outcome<null>
  /** Takes what has been counted, 0 when nothing has. */
  take(): Outcome<number>
  /** Called with the next count, once, after arm(). */
  onsignal: ((count: number) => void) | null
  arm(): Outcome<null>
  /** A count on its way may still arrive. */
  disarm(): void
  /** Keeps this object and the process alive until release(). Neither counts. */
  hold(): void
  release(): void
  /** Idempotent. */
  close(): void
}

export interface NativeIdentity {
  readonly kind: NativeDescriptorKind
  /** What the kernel calls it, or an empty string. */
  readonly name: string
}
