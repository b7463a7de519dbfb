// SPDX-License-Identifier: MIT
import type { AddressSpace } from './device/address-space.js'
import type { DeviceIdentity } from './device/device.js'
import type { DeviceNeed, DevicePath } from './device/kernel/path.js'
import type { NoticeOptions } from './device/notices.js'
import { type DeviceSpec, parseDeviceSpec } from './device/spec.js'
import { throwIfAborted, VfioError } from './errors/index.js'
import { MigratableDevice } from './migration/migratable-device.js'
import type { NativeDevice } from './native-binding.js'
import type { VfioUserOptions } from './vfio-user/options.js'

export interface OpenOptions {
  /**
   * Leave a device that is found in another state than running as it is, instead of resetting it: for whoever takes over a device in
   * the middle of a migration. Default false; true for a device that a keeper lends, whose state is what the keeper is there for.
   */
  readonly keepState?: boolean
  /** Allow a group without an IOMMU (noiommu): such a device can write to all of the machine's memory. Default false. */
  readonly allowNoIommu?: boolean
  /** `held:`: share the device with other clients of its keeper that say so too. Default false: nobody else may have it meanwhile. */
  readonly shared?: boolean
  /**
   * `held:`: go on with the save or load that the last client left, instead of beginning anew: the bytes of it that are known to have
   * arrived where that client sent them. Refused (`ERR_VFIO_SESSION_ENDED`) unless its driver counts the same.
   */
  readonly continueAt?: number
  /**
   * A UUID: what the holder of the physical function set (`Device.setVfToken`), for a virtual function whose physical function is bound to
   * vfio-pci, and for such a physical function while its virtual ones are open. A secret: it appears in no error.
   */
  readonly vfToken?: string
  /** For devices that another process serves (`vfio-user:/path/to/socket`). */
  readonly vfioUser?: VfioUserOptions
  /**
   * What to do when the kernel wants the device back: see {@link DeviceNotices}. `false`: its notifiers are not armed, and an unbind waits
   * without anybody here knowing. Default: armed, except for a device that another process handed over.
   */
  readonly notices?: NoticeOptions | boolean
  /**
   * How to reach a device of the kernel's. `group`: `/dev/vfio/N` and a container, on every kernel; `cdev`: `/dev/vfio/devices/vfioN` and an
   * iommufd, Linux 6.6. Default `auto`: what `needs` and `addressSpace` ask for, else the node if the device is named by it, else the
   * group. {@link MigratableDevice.path} says which it was.
   *
   * Only through a group: dirty tracking of the container, the only one for a v1 device and for most emulated ones; DMA into another
   * device's memory (Linux 6.12); a second open. Only by the node: dirty bits kept by the IOMMU (Linux 6.7).
   */
  readonly path?: 'auto' | DevicePath
  /** What the device must be able to do, where that depends on the path. */
  readonly needs?: readonly DeviceNeed[]
  /**
   * The address space to open it in, so that several devices see the same memory at the same addresses: that of another device of the same
   * backend (it shares its container, or its IOAS; {@link path} follows), or `AddressSpace.create()` for simulated ones. Default: one of its own, unless its
   * group is in a container already.
   */
  readonly addressSpace?: AddressSpace
  readonly signal?: AbortSignal
}

/**
 * Opens a device.
 *
 * `spec` is a PCI address (`0000:17:00.2`), an mdev UUID, a node (`/dev/vfio/devices/vfio0`), a simulated device (`sim:v2,state=64MiB`), the
 * socket of a process that serves one (`vfio-user:/run/nic.sock`), a device that a keeper lends (`held:/run/vfio/keeper#0000:17:00.2`), or
 * a descriptor that somebody else opened, which is duplicated and stays open there: inherited (`fd:3`), handed over by sd_listen_fds(3) (`listen:NAME`, `listen:0`), or of another process (`pid:4711/9`).
 *
 * Opening is not harmless: vfio-pci and every variant driver reset the device on its first open. After that its migration state is read,
 * and a device that does not run is reset before anything else (some drivers crash when an abandoned load is continued).
 *
 * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC`, `ERR_VFIO_NO_SUCH_DEVICE`, `ERR_VFIO_NOT_BOUND`, `ERR_VFIO_PERMISSION`,
 *   `ERR_VFIO_GROUP_NOT_VIABLE`, `ERR_VFIO_IN_USE`, `ERR_VFIO_NOIOMMU`, `ERR_VFIO_NOT_A_DEVICE`, `ERR_VFIO_NOT_HANDED_OVER`,
 *   `ERR_VFIO_PEER_LOST`, `ERR_VFIO_SESSION_ENDED`, `ERR_VFIO_VF_TOKEN`
 * @throws {VfioError} `ERR_VFIO_PEER_TIMEOUT`, `ERR_VFIO_MALFORMED`: of a vfio-user server or a keeper
 * @throws {VfioSystemError} an ioctl failed
 */
export async function openDevice(spec: string, options: OpenOptions = {}): Promise<MigratableDevice> {
  throwIfAborted(options.signal)
  const parsed = parseDeviceSpec(spec)
  const device = await open(parsed, spec, options)
  try {
    if (!(options.keepState ?? parsed.kind === 'held')) await settle(device)
    const { notices = !openedElsewhere(parsed) } = options
    if (notices !== false) await device.notices.start(notices === true ? {} : notices)
    throwIfAborted(options.signal)
  } catch (error) {
    await device.close()
    throw error
  }
  return device
}

/** A device over a native handle that was just opened. */
export function openedDevice(native: NativeDevice, identity: DeviceIdentity): MigratableDevice {
  return new MigratableDevice(native, identity)
}

async function open(parsed: DeviceSpec, spec: string, options: OpenOptions): Promise<MigratableDevice> {
  if (parsed.kind === 'held') {
    const { borrowDevice } = await import('./ownership/borrowed-device.js')
    return borrowDevice(parsed.path, parsed.name, spec, options)
  }
  if (parsed.kind === 'simulated') {
    if (options.vfToken !== undefined) throw takesNoToken(spec)
    const [{ openSimulated }, { parseSimulatedSpec }] = await Promise.all([
      import('./simulated/open.js'),
      import('./simulated/spec.js'),
    ])
    return openSimulated(parseSimulatedSpec(parsed.spec), spec, options.addressSpace)
  }
  const { native, identity } = await openNative(parsed, spec, options)
  return openedDevice(native, identity)
}

async function openNative(
  parsed: Exclude<DeviceSpec, { kind: 'held' | 'simulated' }>,
  spec: string,
  options: OpenOptions,
): Promise<{ native: NativeDevice; identity: DeviceIdentity }> {
  if (options.vfToken !== undefined && parsed.kind !== 'kernel') throw takesNoToken(spec)
  switch (parsed.kind) {
    case 'vfio-user': {
      const { openVfioUser } = await import('./vfio-user/open.js')
      const { addressSpace } = options
      const native = await openVfioUser(parsed.path, options.vfioUser, spec, addressSpace?.native)
      return { native, identity: { spec, driver: 'vfio-user', addressSpace, holds: [] } }
    }
    case 'descriptor': {
      refuseAddressSpace(options, spec, 'its owner has chosen one')
      const { adoptKernelDevice } = await import('./device/kernel/open.js')
      return adoptKernelDevice(parsed.fd, spec)
    }
    case 'listen': {
      const [{ adoptKernelDevice }, { findListenDescriptor }] = await Promise.all([
        import('./device/kernel/open.js'),
        import('./ownership/listen-fds.js'),
      ])
      return adoptKernelDevice(findListenDescriptor(parsed.which), spec)
    }
    case 'process': {
      const [{ adoptKernelDevice }, { takeFromProcess }] = await Promise.all([
        import('./device/kernel/open.js'),
        import('./ownership/process-descriptor.js'),
      ])
      await using taken = await takeFromProcess(parsed.pid, parsed.fd, spec)
      return await adoptKernelDevice(taken.fd, spec)
    }
    case 'kernel': {
      if (options.addressSpace?.inSoftware)
        refuseAddressSpace(options, spec, "that one is of this process, the device is the kernel's")
      const { openKernelDevice } = await import('./device/kernel/open.js')
      return openKernelDevice(parsed.name, { ...options, spec })
    }
  }
}

function takesNoToken(spec: string): VfioError {
  return new VfioError('ERR_VFIO_VF_TOKEN', `${spec} takes no VF token`, { device: spec })
}

function refuseAddressSpace(options: OpenOptions, device: string, reason: string): void {
  if (options.addressSpace === undefined) return
  throw new VfioError('ERR_VFIO_UNSUPPORTED', `${device} cannot be opened in an address space: ${reason}`, {
    device,
  })
}

// Its owner has its own notifiers in it, or takes it back.
function openedElsewhere({ kind }: DeviceSpec): boolean {
  return kind === 'descriptor' || kind === 'listen' || kind === 'process' || kind === 'held'
}

// The state is read, and whatever is not running is reset before any other state change.
async function settle(device: MigratableDevice): Promise<void> {
  let state: string
  try {
    state = await (await device.migration()).state()
  } catch (error) {
    // A device without migration can still be used for everything else.
    if (error instanceof VfioError && error.code === 'ERR_VFIO_NOT_MIGRATABLE') return
    throw error
  }
  if (state !== 'running') await device.reset()
}
