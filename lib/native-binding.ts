// SPDX-License-Identifier: MIT
// What the addon offers: types only. Every property is always set (null for "absent"), 64-bit values are bigint, and a promise resolves
// with the value or with a NativeFailure, never rejects: the error is made in TypeScript, where the caller's stack is.

/** Mirrors `Reason` in native/core/base/result.h. */
export type NativeReason =
  | 'system'
  | 'cancelled'
  | 'closed'
  | 'malformed'
  | 'unsupported'
  | 'short-transfer'
  | 'chunk-too-large'
  | 'truncated'
  | 'corrupt'
  | 'version'
  | 'invalid-argument'
  | 'busy'
  | 'disconnected'
  | 'timed-out'

export interface NativeFailure {
  readonly failed: true
  readonly reason: NativeReason
  /** Negative, 0 when no system call failed. */
  readonly errno: number
  readonly syscall: string
  readonly operation: string
  readonly detail: string
}

export type Outcome<T> = T | NativeFailure

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

/** See lib/vfio-user for their meaning. */
export interface NativeServeOptions {
  readonly passThrough: boolean
  readonly allowedUsers: readonly number[]
  readonly anyDirectory: boolean
  readonly once: boolean
  readonly twinSocket: boolean
  readonly strict: boolean
  readonly maxMessageDescriptors: number
  /** Bytes. */
  readonly maxTransfer: number
  readonly maxDmaMaps: number
}

export interface NativeServerEvent {
  readonly kind: 'refused' | 'failed' | 'connected' | 'disconnected'
  readonly pid: number
  readonly uid: number
  /** Why, for a person; empty for a client that simply closed. */
  readonly detail: string
  readonly twinSocket: boolean
  readonly messages: number
  /** 1, 2, or 0 for a device without migration. Of `disconnected`, as what follows. */
  readonly protocol: number
  /** The device's state as the client left it: of v2, or v1's device_state. */
  readonly found: number
  /** And afterwards. */
  readonly left: number
  readonly reset: boolean
  /** What was to be done about the device, and failed. */
  readonly trouble: NativeFailure | null
}

/** A device served over vfio-user. */
export interface NativeServer {
  /** Waits for the next piece of news; null once the server has ended. One call at a time. */
  next(): Promise<Outcome<NativeServerEvent | null>>
  /** At once: no more clients, and the one there is is let go. */
  stop(): void
  /** Stops, and settles when that is done. Idempotent. */
  close(): Promise<null>
}

export interface NativeV1Options {
  readonly dataPath: 'auto' | 'mapped' | 'trapped'
  /** Largest chunk that is accepted, in bytes. */
  readonly maxChunk: number
}

export interface NativePrecopyInfo {
  readonly flags: number
  readonly initialBytes: bigint
  readonly dirtyBytes: bigint
}

/** A v2 session. It yields either a source (save) or a sink (load), once. */
export interface NativeSession {
  /** -1 where the backend has none, and once closed. */
  readonly descriptor: number
  precopyInfo(): Promise<Outcome<NativePrecopyInfo>>
  /** `bufferSize` in bytes, of each of the session's buffers. */
  source(bufferSize: number): NativeSource
  sink(bufferSize: number): NativeSink
  close(): Promise<null>
}

export type NativeProgress = 'bytes' | 'drained' | 'end'

export interface NativeTurn {
  readonly progress: NativeProgress
  /** The chunk when progress is `bytes`. */
  readonly data: ArrayBuffer | null
}

export interface NativePumped {
  /** `bytes` only after pause(): there was more to move. */
  readonly progress: NativeProgress
  readonly bytes: number
  readonly chunks: number
}

export interface NativeCounters {
  readonly bytes: number
  readonly chunks: number
}

/** Where a save's chunks come from. One call at a time. */
export interface NativeSource {
  /** A view of the mapped region (v1) or of a session buffer (v2): detached by the next call, or by release(). */
  next(): Promise<Outcome<NativeTurn>>
  /** The same in memory of the caller's own. */
  nextOwned(): Promise<Outcome<NativeTurn>>
  /** Detaches the chunk that next() lent, if any. */
  release(): void
  /** Until drained or the end; bytes as they are. `fd` is borrowed until the promise settles. */
  pumpToFd(fd: number): Promise<Outcome<NativePumped>>
  /** Until drained or the end, one data frame of `section` for each chunk. */
  pumpToFrames(writer: NativeFrameWriter, section: number): Promise<Outcome<NativePumped>>
  /** Until drained or the end, chunk by chunk into a device of this process. */
  pumpToSink(sink: NativeSink): Promise<Outcome<NativePumped>>
  /** Totals since the source was made; may be read while a pump runs. */
  counters(): NativeCounters
  /** A pump in progress settles at the next chunk border. v1 needs it: its state must not change in the middle of a round. */
  pause(): void
  /** Calls in progress settle with `cancelled` as soon as the backend can. */
  cancel(): void
  close(): Promise<null>
}

/** Where a load's chunks go. One call at a time. */
export interface NativeSink {
  /** One chunk. `data` must not change before the promise settles. */
  write(data: Uint8Array): Promise<Outcome<null>>
  /** Until the end of the descriptor's data; v2 only, since v1 needs its chunk borders. */
  pumpFromFd(fd: number): Promise<Outcome<NativePumped>>
  /** The data frames of `section` that follow, up to the first frame that is none of it (`progress` is `end`). */
  pumpFromFrames(reader: NativeFrameReader, section: number): Promise<Outcome<NativePumped>>
  counters(): NativeCounters
  cancel(): void
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

export interface NativeFrameWriterOptions {
  readonly strong: boolean
  /** HMAC-SHA256 key, or null. */
  readonly key: Uint8Array | null
}

export interface NativeFrameTotals {
  readonly frames: number
  /** All bytes of the stream so far, headers included. */
  readonly bytes: number
  readonly payloadBytes: number
}

export interface NativeFrameWriter {
  writeControl(type: number, section: number, payload: Uint8Array): Promise<Outcome<null>>
  /** One data frame. */
  writeData(section: number, data: Uint8Array): Promise<Outcome<null>>
  /** The end record. */
  finish(): Promise<Outcome<null>>
  totals(): NativeFrameTotals
  cancel(): void
  close(): Promise<null>
}

export interface NativeFrameReaderOptions {
  readonly key: Uint8Array | null
  /** Largest data frame that is accepted, in bytes. */
  readonly maxData: number
}

export interface NativeFrame {
  readonly type: number
  readonly flags: number
  readonly section: number
  readonly length: number
  /** The payload of a control frame; null for a data frame, whose payload must be pumped or skipped next. */
  readonly payload: ArrayBuffer | null
}

export interface NativeFrameReader {
  /** The next frame; null once the end record was read and found right. */
  next(): Promise<Outcome<NativeFrame | null>>
  /** Reads past the data frames of `section` that follow, checking them. */
  skipData(section: number): Promise<Outcome<NativePumped>>
  totals(): NativeFrameTotals
  cancel(): void
  close(): Promise<null>
}

/** Options of a simulated device, all set. See lib/simulated for their meaning. */
export interface NativeSimulatedOptions {
  readonly protocol: 'v1' | 'v2' | 'none'
  readonly stateBytes: bigint
  readonly chunkBytes: bigint
  /** null: the device starts with zeros. */
  readonly seed: number | null
  readonly dirtyRate: bigint
  readonly dataSection: 'trapped' | 'mapped' | 'sparse' | 'straddling'
  readonly arcs: 'full' | 'i915' | 'lvu'
  readonly reservedBits: number
  readonly preCopy: boolean
  readonly p2p: boolean
  readonly drained: 'enomsg' | 'zero'
  /** Only asking for precopy info starts the next incremental round, as on mlx5 and virtio. */
  readonly roundsByInfo: boolean
  /** Most bytes of one read or write, 0n for no limit. */
  readonly shortRead: bigint
  readonly shortWrite: bigint
  readonly faults: readonly NativeSimulatedFault[]
  readonly delays: readonly NativeSimulatedDelay[]
  readonly lies: readonly NativeSimulatedLie[]
}

/** A value that the device reports instead of the truth. */
export interface NativeSimulatedLie {
  readonly name: string
  readonly value: bigint
  readonly nth: number
  readonly count: number
}

export interface NativeSimulatedFault {
  readonly operation: string
  /** The state or register concerned, or an empty string for any. */
  readonly argument: string
  /** Positive. */
  readonly errno: number
  /** From the nth time on, 1-based. */
  readonly nth: number
  /** How many times. */
  readonly count: number
  readonly outcome: 'keep' | 'error' | 'requested'
}

export interface NativeSimulatedDelay {
  readonly operation: string
  readonly argument: string
  readonly milliseconds: number
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

/** `/dev/vfio/vfio`. */
export interface NativeContainer {
  /** -1 once closed. */
  readonly descriptor: number
  /** The IOMMU type that is set: `VFIO_TYPE1v2_IOMMU` and so on. */
  readonly iommu: number | null
  apiVersion(): Promise<Outcome<number>>
  checkExtension(extension: number): Promise<Outcome<number>>
  setIommu(type: number, allowNoIommu: boolean): Promise<Outcome<null>>
  addressSpace(): Outcome<NativeAddressSpace>
  /** The descriptor goes with the last group that is in the container. */
  close(): Promise<null>
}

export interface NativeGroupStatus {
  readonly viable: boolean
  readonly containerSet: boolean
}

/** `/dev/vfio/N`: one descriptor in the process, however many handles. */
export interface NativeGroup {
  /** -1 once closed. */
  readonly descriptor: number
  status(): Promise<Outcome<NativeGroupStatus>>
  setContainer(container: NativeContainer): Promise<Outcome<null>>
  unsetContainer(): Promise<Outcome<null>>
  /** In `container` (null: the one it is in, or a new one), and that with the best IOMMU it has. */
  prepare(
    container: NativeContainer | NativeAddressSpace | null,
    allowNoIommu: boolean,
  ): Promise<Outcome<null>>
  /** The device holds its group, and that its container. */
  device(name: string): Promise<Outcome<NativeDevice>>
  /** The descriptor goes with the last handle and the last device. */
  close(): Promise<null>
}

export interface NativeCompanion {
  readonly kind: 'group' | 'container' | 'iommufd'
  readonly descriptor: number
}

export type NativeDescriptorKind = 'device' | 'container' | 'group' | 'iommufd' | 'migration-data' | 'other'

export interface NativeIdentity {
  readonly kind: NativeDescriptorKind
  /** What the kernel calls it, or an empty string. */
  readonly name: string
}

/** The owner of a descriptor. */
export interface NativeDescriptor {
  /** -1 once closed. */
  readonly descriptor: number
  close(): Promise<null>
}

/** `struct ucred`. */
export interface NativePeer {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

export interface NativeMessage {
  readonly bytes: ArrayBuffer
  readonly descriptors: readonly NativeDescriptor[]
}

/** A connected UNIX socket of SOCK_SEQPACKET. One send and one receive at a time; time-outs in milliseconds, -1 for none. */
export interface NativeMessageSocket {
  peer(): Outcome<NativePeer>
  /** The descriptors are duplicated before this returns. */
  send(bytes: Uint8Array, descriptors: readonly number[], timeout: number): Promise<Outcome<null>>
  /** null: the peer has closed. */
  receive(timeout: number): Promise<Outcome<NativeMessage | null>>
  /** Calls in progress settle with `cancelled`. */
  close(): Promise<null>
}

export interface NativeMessageListener {
  accept(): Promise<Outcome<NativeMessageSocket>>
  close(): Promise<null>
}

/** I/O addresses, the last one included. */
export interface NativeIovaRange {
  readonly first: bigint
  readonly last: bigint
}

/** Memory that devices may be given: a shared file, mapped once. */
export interface NativeDmaBuffer {
  readonly size: bigint
  /** 0 once closed. */
  readonly pageSize: number
  /** -1 once closed. */
  readonly descriptor: number
  /** Nobody can shrink the file. */
  readonly trusted: boolean
  readonly writable: boolean
  /** A view; the caller sees to it that no two live ones overlap. */
  window(offset: bigint, length: bigint): Outcome<NativeMapping>
  read(offset: bigint, length: number): Promise<Outcome<ArrayBuffer>>
  write(offset: bigint, data: Uint8Array): Promise<Outcome<null>>
  /** The memory goes with the last mapping and window of it. */
  close(): Promise<null>
}

export interface NativeAddressSpaceInfo {
  /** A bitmap: bit 12 stands for pages of 4 KiB. */
  readonly pageSizes: bigint
  readonly ranges: readonly NativeIovaRange[]
  readonly mappings: bigint | null
  readonly dirtyPageSizes: bigint
  /** Bytes; 0n: no limit known. */
  readonly largestDirtyBitmap: bigint
}

/** An address space of any backend. Calls run in order on its own thread. */
export interface NativeAddressSpace {
  /** What it is made of; `table` once closed. */
  readonly kind: 'table' | 'type1' | 'ioas'
  /** Whether it is a table of this process, so that read() and write() work. */
  readonly inSoftware: boolean
  info(): Promise<Outcome<NativeAddressSpaceInfo>>
  /** `iova` null: the lowest that is free, up to `highest`. Resolves with the address. */
  map(
    buffer: NativeDmaBuffer,
    offset: bigint,
    length: bigint,
    iova: bigint | null,
    highest: bigint,
    protection: 'read' | 'write' | 'read-write',
  ): Promise<Outcome<bigint>>
  /** `dirtyPageSize` not 0n: with the bitmap's words. */
  unmap(
    iova: bigint,
    size: bigint,
    dirtyPageSize: bigint,
  ): Promise<Outcome<{ readonly bytes: bigint; readonly dirty: ArrayBuffer | NativeFailure | null }>>
  unmapAll(): Promise<Outcome<bigint>>
  mapped(): Promise<Outcome<readonly NativeIovaRange[]>>
  read(iova: bigint, length: number): Promise<Outcome<ArrayBuffer>>
  write(iova: bigint, data: Uint8Array): Promise<Outcome<null>>
  startDirtyTracking(): Promise<Outcome<null>>
  /** The bitmap's words. */
  reportDirty(iova: bigint, length: bigint, pageSize: bigint): Promise<Outcome<ArrayBuffer>>
  stopDirtyTracking(): Promise<Outcome<null>>
  /** Throws when either is closed. */
  isSameAs(other: NativeAddressSpace): boolean
  close(): Promise<null>
}

/** Dirty pages, one bit each. Memory only: nothing in it waits. */
export interface NativeDirtyBitmap {
  /** The words of a report over the same stretch in the same pages. */
  add(words: ArrayBuffer): void
  merge(other: NativeDirtyBitmap): void
  mark(iova: bigint, length: bigint): void
  clear(): void
  dirtyPages(): number
  /** First and last address of up to `most` runs of dirty pages, in turn, from page `from` on. */
  runs(from: bigint, most: number): BigUint64Array
}

export interface NativeHwInfo {
  readonly type: number
  readonly capabilities: bigint
  readonly dirtyTracking: boolean
  readonly maxPasidLog2: number
  readonly data: ArrayBuffer
}

/** `/dev/iommu`. */
export interface NativeIommufd {
  /** -1 once closed. */
  readonly descriptor: number
  memoryCharge(): Promise<Outcome<'user' | 'process'>>
  setMemoryCharge(charge: 'user' | 'process'): Promise<Outcome<null>>
  destroy(id: number): Promise<Outcome<null>>
  hwInfo(deviceId: number): Promise<Outcome<NativeHwInfo>>
  compatIoas(): Promise<Outcome<number>>
  setCompatIoas(id: number): Promise<Outcome<null>>
  clearCompatIoas(): Promise<Outcome<null>>
  ioas(dirtyTracking: boolean): Promise<Outcome<NativeIoas>>
  container(): Promise<Outcome<NativeContainer>>
  /** The descriptor goes with the last object and device in it. */
  close(): Promise<null>
}

export interface NativeBoundDevice {
  readonly device: NativeDevice
  /** The iommufd's name for it. */
  readonly id: number
}

/** An address space of an iommufd. */
export interface NativeIoas {
  /** 0 once closed. */
  readonly id: number
  addressSpace(): Outcome<NativeAddressSpace>
  /** `iova` null: the kernel chooses. Resolves with the address. */
  copy(
    source: NativeIoas,
    from: bigint,
    size: bigint,
    iova: bigint | null,
    protection: 'read' | 'write' | 'read-write',
  ): Promise<Outcome<bigint>>
  allowIovas(ranges: readonly NativeIovaRange[]): Promise<Outcome<null>>
  hugePages(): Promise<Outcome<boolean>>
  setHugePages(allowed: boolean): Promise<Outcome<null>>
  hwpt(deviceId: number, dirtyTracking: boolean): Promise<Outcome<NativeHwpt>>
  /** It goes with the last device that is attached, and the last page table. */
  close(): Promise<null>
}

/** A hardware page table. */
export interface NativeHwpt {
  /** 0 once closed. */
  readonly id: number
  setDirtyTracking(enabled: boolean): Promise<Outcome<null>>
  /** The bitmap's words. `keep`: what is reported stays dirty. */
  reportDirty(iova: bigint, length: bigint, pageSize: bigint, keep: boolean): Promise<Outcome<ArrayBuffer>>
  close(): Promise<null>
}

/** Milliseconds. */
export interface NativeVfioUserOptions {
  readonly connectTimeout: number
  readonly requestTimeout: number
  readonly stateTimeout: number
  readonly twinSocket: boolean
}

export interface NativeBinding {
  readonly version: string
  /** The uAPI numbers that native/uapi declares, by the kernel's names. */
  readonly constants: Readonly<Record<string, number | bigint>>
  openSimulated(options: NativeSimulatedOptions): Promise<Outcome<NativeDevice>>
  openVfioUser(path: string, options: NativeVfioUserOptions): Promise<Outcome<NativeDevice>>
  /** `pageSize` 0n: ordinary pages. */
  allocateDmaBuffer(size: bigint, pageSize: bigint, lock: boolean): Promise<Outcome<NativeDmaBuffer>>
  /** The descriptor is duplicated before this returns. */
  dmaBufferOfDescriptor(fd: number, offset: bigint, length: bigint): Promise<Outcome<NativeDmaBuffer>>
  createDirtyBitmap(iova: bigint, length: bigint, pageSize: bigint): Outcome<NativeDirtyBitmap>
  createAddressTable(): NativeAddressSpace
  openEventFd(): Outcome<NativeEventFd>
  /** A duplicate of a non-blocking eventfd. */
  adoptEventFd(descriptor: number): Outcome<NativeEventFd>
  openContainer(): Promise<Outcome<NativeContainer>>
  /** `noIommuNode`: `/dev/vfio/noiommu-N`, refused unless `allowNoIommu`. */
  openGroup(number: number, noIommuNode: boolean, allowNoIommu: boolean): Promise<Outcome<NativeGroup>>
  /** Binds a device node to the iommufd of the space and attaches it there. The device holds both. */
  openDeviceNode(space: NativeAddressSpace | NativeIoas, path: string): Promise<Outcome<NativeBoundDevice>>
  openIommufd(): Promise<Outcome<NativeIommufd>>
  /** A duplicate of somebody else's, once it is known to be one. */
  adoptIommufd(fd: number): Promise<Outcome<NativeIommufd>>
  /** Makes sure that `fd` is a VFIO device, then takes a duplicate; with `takeOver` it closes `fd` on success. */
  adoptDevice(fd: number, takeOver: boolean, group: NativeGroup | null): Promise<Outcome<NativeDevice>>
  adoptContainer(fd: number): Promise<Outcome<NativeContainer>>
  /** `container`: the one that the group's former owner put it into. */
  adoptGroup(fd: number, container: NativeContainer | null): Promise<Outcome<NativeGroup>>
  /** What a descriptor is, without an ioctl. */
  identifyDescriptor(fd: number): Promise<Outcome<NativeIdentity>>
  duplicateDescriptor(fd: number): Outcome<NativeDescriptor>
  /** pidfd_open and pidfd_getfd. */
  takeFromProcess(pid: number, fd: number): Promise<Outcome<NativeDescriptor>>
  connectSocket(path: string, timeout: number): Promise<Outcome<NativeMessageSocket>>
  /** Over a duplicate of `fd`. */
  socketOver(fd: number): Promise<Outcome<NativeMessageSocket>>
  listenAt(path: string): Promise<Outcome<NativeMessageListener>>
  frameWriter(fd: number, options: NativeFrameWriterOptions): Outcome<NativeFrameWriter>
  frameReader(fd: number, options: NativeFrameReaderOptions): Outcome<NativeFrameReader>
}
