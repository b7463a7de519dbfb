// SPDX-License-Identifier: MIT
export { type HostWrite, VfioHostChangeError } from '../errors/index.js'
export { type Address, type AddressKind, parseAddress } from './address.js'
export { bindDevice, type DriverChange, type UnbindOptions, unbindDevice } from './bind.js'
export { bindGroup, type GroupChange } from './bind-group.js'
export { type DiagnoseOptions, type Diagnosis, diagnose, type Finding } from './doctor/index.js'
export type { FittingDriver } from './fitting-driver.js'
export type { Group, GroupSibling } from './group.js'
export type { HostChange, HostChangeOptions } from './host-change.js'
export { findDevice, type HostDevice, type HostDeviceKind, listDevices } from './list.js'
export type { MdevFacts } from './mdev.js'
export {
  type CreateMdevOptions,
  createMdev,
  listMdevTypes,
  type MdevType,
  removeMdev,
} from './mdev-change.js'
export type { MigrationSupport } from './migration-support.js'
export type { PciFacts, SriovFacts } from './pci-device.js'
export { shellCommand, shellQuote, shellWrite } from './shell-quote.js'
export { copiedRoots, type HostRoots } from './sysfs.js'
export {
  setVirtualFunctions,
  type VirtualFunctionChange,
  type VirtualFunctionOptions,
} from './virtual-functions.js'
export { type DeviceEvent, type WatchOptions, watchDevices } from './watch.js'
