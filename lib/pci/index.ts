// SPDX-License-Identifier: MIT
// Public as `vfio-migration/pci`: what is peculiar to PCI devices.
export type { PciBar } from './bars.js'
export type { Capability, ExtendedCapability } from './capability-list.js'
export {
  capabilityId,
  capabilityName,
  extendedCapabilityId,
  extendedCapabilityName,
} from './capability-names.js'
export type { ConfigWidth } from './config-access.js'
export type { ExpressCapability } from './express.js'
export type { PciClass, PciCommand, PciHeader, PciStatus } from './header.js'
export type { BarPlace, MsiCapability, MsixCapability } from './msi.js'
export { PciConfig } from './pci-config.js'
export type { PowerManagementCapability, PowerState } from './power.js'
export type { SriovCapability } from './sriov.js'
