// SPDX-License-Identifier: MIT
// What the addon offers: types only. Every property is always set (null for "absent"), 64-bit values are bigint, and a promise resolves
// with the value or with a NativeFailure, never rejects: the error is made in TypeScript, where the caller's stack is.
import type { NativeRateLimit } from './native/data.js'
import type { NativeDevice, NativeEventFd, NativeIdentity } from './native/device.js'
import type { NativeAddressSpace, NativeDirtyBitmap, NativeDmaBuffer } from './native/dma.js'
import type { Outcome } from './native/failure.js'
import type {
  NativeBoundDevice,
  NativeContainer,
  NativeGroup,
  NativeIoas,
  NativeIommufd,
} from './native/kernel.js'
import type { NativeDescriptor, NativeMessageListener, NativeMessageSocket } from './native/ownership.js'
import type { NativeSimulatedDevice, NativeSimulatedOptions } from './native/simulated.js'
import type {
  NativeChunkWriter,
  NativeFrameReader,
  NativeFrameReaderOptions,
  NativeFrameWriter,
  NativeFrameWriterOptions,
} from './native/stream.js'
import type { NativeCancellation, NativeStreamListener, NativeStreamSocket } from './native/transport.js'
import type { NativeVfioUserOptions } from './native/vfio-user.js'

export * from './native/data.js'
export * from './native/device.js'
export * from './native/dma.js'
export * from './native/failure.js'
export * from './native/kernel.js'
export * from './native/ownership.js'
export * from './native/simulated.js'
export * from './native/stream.js'
export * from './native/transport.js'
export * from './native/vfio-user.js'

export interface NativeBinding {
  readonly version: string
  /** The uAPI numbers that native/uapi declares, by the kernel's names. */
  readonly constants: Readonly<Record<string, number | bigint>>
  openSimulated(options: NativeSimulatedOptions): Promise<Outcome<NativeSimulatedDevice>>
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
  /** Takes an open file description lock; false when another description has it. */
  lockDescriptor(fd: number): Promise<Outcome<boolean>>
  /** Whether another description has it. */
  isDescriptorLocked(fd: number): Promise<Outcome<boolean>>
  /** `bytesPerSecond` 0n: no limit. */
  createRateLimit(bytesPerSecond: bigint, burst: bigint): NativeRateLimit
  createCancellation(): Outcome<NativeCancellation>
  /** `port` -1: `host` is the path of a UNIX socket; else an IP address in figures. */
  connectStream(
    host: string,
    port: number,
    timeout: number,
    cancellation: NativeCancellation | null,
  ): Promise<Outcome<NativeStreamSocket>>
  listenStream(host: string, port: number): Promise<Outcome<NativeStreamListener>>
  /** Both ends of a new UNIX socket. */
  streamPair(): Outcome<readonly [NativeStreamSocket, NativeStreamSocket]>
  chunkWriter(fd: number): Outcome<NativeChunkWriter>
  frameWriter(fd: number, options: NativeFrameWriterOptions): Outcome<NativeFrameWriter>
  frameReader(fd: number, options: NativeFrameReaderOptions): Outcome<NativeFrameReader>
}
