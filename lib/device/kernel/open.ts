// SPDX-License-Identifier: MIT
import { binding } from '../../binding.js'
import { unwrapAdoption, VfioError } from '../../errors/index.js'
import type { NativeDevice } from '../../native-binding.js'
import type { DeviceIdentity } from '../device.js'
import { checkVfToken } from '../features.js'
import { KernelGroup } from './group.js'
import { locateDevice, notViable } from './locate.js'

export interface OpenedDevice {
  readonly native: NativeDevice
  readonly identity: DeviceIdentity
}

/**
 * Opens a device through its group, in a container of the group's own unless it is in one already.
 * @throws {VfioError} as {@link locateDevice}; `ERR_VFIO_PERMISSION`, `ERR_VFIO_IN_USE`
 * @throws {VfioSystemError} an ioctl failed; nothing stays open
 */
export async function openKernelDevice(
  name: string,
  options: { readonly spec: string; readonly allowNoIommu?: boolean; readonly vfToken?: string },
): Promise<OpenedDevice> {
  const { spec, allowNoIommu = false } = options
  const token = options.vfToken === undefined ? undefined : checkVfToken(options.vfToken, spec)
  const located = await locateDevice(name, { spec, allowNoIommu })
  const { id, noiommu } = located.group
  // The native device holds its group and that its container, so the handle has done its work afterwards.
  await using group = await KernelGroup.open(id, { noIommu: noiommu, allowNoIommu }, spec)
  const status = await group.status()
  if (!status.viable) throw notViable(located.group, spec)
  await group.prepare({ allowNoIommu })
  const native = await showingToken(token, spec, (suffix) => group.device(located.name + suffix, spec))
  return { native, identity: { spec, driver: located.driver, holds: [] } }
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
  return { native, identity: { spec, driver: undefined, holds: [] } }
}
