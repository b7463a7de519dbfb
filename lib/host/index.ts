// SPDX-License-Identifier: MIT
export { type Address, type AddressKind, parseAddress } from './address.js'
export type { Group, GroupSibling } from './group.js'
export { findDevice, type HostDevice, type HostDeviceKind, listDevices } from './list.js'
export type { MdevFacts } from './mdev.js'
export type { MigrationSupport } from './migration-support.js'
export type { PciFacts } from './pci-device.js'
export type { HostRoots } from './sysfs.js'
