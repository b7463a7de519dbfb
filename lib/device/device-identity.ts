// SPDX-License-Identifier: MIT
import type { NativeCompanion } from '../native-binding.js'
import type { AddressSpace } from './address-space.js'

/** `struct vfio_device_info`. */
export interface DeviceInfo {
  /** `VFIO_DEVICE_FLAGS_*`. */
  readonly flags: number
  /** How many region indexes exist; some may be empty. */
  readonly regions: number
  /** How many interrupt indexes exist. */
  readonly irqs: number
  /** `VFIO_DEVICE_FLAGS_RESET`: whether {@link Device.reset} can work. */
  readonly resettable: boolean
}

/** What is known of a device besides what the device itself says. */
export interface DeviceIdentity {
  /** As it was asked for: a PCI address, an mdev UUID, `fd:N`, `sim:…`. */
  readonly spec: string
  /** The kernel driver bound to it, `simulated`, or `undefined` where nobody can say. */
  readonly driver: string | undefined
  /** The driver that a simulated device behaves like. */
  readonly personality?: string | undefined
  /** How it was reached, for a device of the kernel's. */
  readonly path?: 'group' | 'cdev'
  /** The iommufd's name for a device that was opened by its node. */
  readonly iommufdId?: number
  /** The address space that it was opened in; absent for one of its own. */
  readonly addressSpace?: AddressSpace | undefined
  /** What has to stay open as long as the device: its group, and through that the container. Closed after it. */
  readonly holds: readonly AsyncDisposable[]
  /** Among them, descriptors that a new holder of the device would need too. */
  readonly companions?: readonly Companion[]
}

/**
 * A descriptor besides the device's own. The kernel keeps group, container and iommufd alive as long as the device is open, and what is
 * mapped stays mapped; but without the descriptor nobody can map or unmap, nor open another device of the group.
 */
export type Companion = NativeCompanion
