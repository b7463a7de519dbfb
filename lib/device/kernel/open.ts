// SPDX-License-Identifier: MIT
import { readlink } from 'node:fs/promises'
import { binding } from '../../binding.js'
import { unwrapAdoption, VfioError } from '../../errors/index.js'
import type { NativeAddressSpace, NativeBoundDevice, NativeDevice, NativeIoas } from '../../native-binding.js'
import type { AddressSpace } from '../address-space.js'
import type { DeviceIdentity } from '../device.js'
import { checkVfToken } from '../features.js'
import { KernelGroup } from './group.js'
import { Iommufd } from './iommufd.js'
import { type DeviceLocation, locateDevice, notViable } from './locate.js'
import { openFailure } from './open-failure.js'
import { choosePath, type DeviceNeed, type DevicePath, type PathRequest } from './path.js'

export interface OpenedDevice {
  readonly native: NativeDevice
  readonly identity: DeviceIdentity
}

export interface KernelOpenOptions {
  readonly spec: string
  readonly allowNoIommu?: boolean
  readonly vfToken?: string
  readonly path?: 'auto' | DevicePath
  readonly needs?: readonly DeviceNeed[]
  /** Where the device's DMA goes; without one, into an address space of its own. */
  readonly addressSpace?: AddressSpace | undefined
}

/**
 * Opens a device through its group or by its node, whichever serves what is asked.
 * @throws {VfioError} as {@link locateDevice} and {@link choosePath}; `ERR_VFIO_PERMISSION`, `ERR_VFIO_IN_USE`
 * @throws {VfioSystemError} an ioctl failed; nothing stays open
 */
export async function openKernelDevice(name: string, options: KernelOpenOptions): Promise<OpenedDevice> {
  const { spec, allowNoIommu = false, addressSpace } = options
  const token = options.vfToken === undefined ? undefined : checkVfToken(options.vfToken, spec)
  const located = await locateDevice(name, { spec, allowNoIommu })
  const request: PathRequest = {
    path: options.path ?? 'auto',
    needs: options.needs ?? [],
    byNode: name.startsWith('/dev/'),
    vfToken: token !== undefined,
    ...(addressSpace && { addressSpace: addressSpace.native.kind === 'ioas' ? 'ioas' : 'container' }),
  }
  const path = choosePath(request, located, spec)
  if (path === 'group') {
    const native = await openByGroup(located, options, token)
    return { native, identity: { spec, driver: located.driver, path, addressSpace, holds: [] } }
  }
  const { device: native, id } = await openByNode(located.cdev ?? '', options)
  const identity = { spec, driver: located.driver, path, iommufdId: id, addressSpace, holds: [] }
  return { native, identity }
}

async function openByGroup(
  located: DeviceLocation,
  options: KernelOpenOptions,
  token: string | undefined,
): Promise<NativeDevice> {
  const { spec, allowNoIommu = false, addressSpace } = options
  const { id, noiommu } = located.group
  // The native device holds its group and that its container, so the handle has done its work afterwards.
  await using group = await KernelGroup.open(id, { noIommu: noiommu, allowNoIommu }, spec)
  const status = await group.status()
  if (!status.viable) throw notViable(located.group, spec)
  await group.prepare({ allowNoIommu, ...(addressSpace && { container: addressSpace }) })
  return await showingToken(token, spec, (suffix) => group.device(located.name + suffix, spec))
}

/** Runs `get` with what the token adds to a device's name, and turns what the kernel says about tokens into words. */
async function showingToken<T>(
  token: string | undefined,
  device: string,
  get: (suffix: string) => Promise<T>,
): Promise<T> {
  try {
    return await get(token === undefined ? '' : ` vf_token=${token}`)
  } catch (cause) {
    const code = cause instanceof VfioError ? cause.code : undefined
    if (code === 'EACCES') {
      const why =
        token === undefined
          ? 'wants the token that was set on its physical function: give it as vfToken'
          : 'was opened with another token than the one that was set on its physical function'
      throw new VfioError('ERR_VFIO_VF_TOKEN', `${device} ${why}`, { device, cause })
    }
    if (code === 'EINVAL' && token !== undefined) {
      throw new VfioError(
        'ERR_VFIO_VF_TOKEN',
        `${device} takes no token: it is no virtual function, or its physical function is not bound to vfio-pci`,
        { device, cause },
      )
    }
    throw cause
  }
}

// The native device holds its iommufd and the address space it is attached to.
async function openByNode(node: string, options: KernelOpenOptions): Promise<NativeBoundDevice> {
  const { spec, addressSpace } = options
  const open = async (space: NativeAddressSpace | NativeIoas): Promise<NativeBoundDevice> =>
    openFailure(await binding().openDeviceNode(space, node), node, spec)
  if (addressSpace) return open(addressSpace.native)
  await using iommufd = await Iommufd.open()
  await using ioas = await iommufd.ioas({
    dirtyTracking: options.needs?.includes('hwpt-dirty-tracking') ?? false,
  })
  return await open(ioas.native)
}

/**
 * A device over a descriptor that its owner handed to this process: duplicated, the original stays open.
 * @param group the device's own, where it was handed over too; the device holds it
 * @throws {VfioError} `ERR_VFIO_NOT_A_DEVICE` with what it is instead, found out without asking it anything
 */
export async function adoptKernelDevice(
  fd: number,
  spec: string,
  group: KernelGroup | null = null,
): Promise<OpenedDevice> {
  const native = unwrapAdoption(
    await binding().adoptDevice(fd, false, group === null ? null : group.native),
    spec,
  )
  // The name of a device from a group; a device's own node has a path.
  const name = await readlink(`/proc/self/fd/${native.descriptor}`)
  const path = name.startsWith('anon_inode:') ? 'group' : 'cdev'
  return { native, identity: { spec, driver: undefined, path, holds: [] } }
}
