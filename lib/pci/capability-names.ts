// SPDX-License-Identifier: MIT
// The identities that PCI-SIG has given to capabilities (PCI Code and ID Assignment), under names for people.

const capabilities: Readonly<Record<number, string>> = {
  0: 'null',
  1: 'power-management',
  2: 'agp',
  3: 'vital-product-data',
  4: 'slot-identification',
  5: 'msi',
  6: 'compact-pci-hot-swap',
  7: 'pci-x',
  8: 'hyper-transport',
  9: 'vendor-specific',
  10: 'debug-port',
  11: 'compact-pci-control',
  12: 'hot-plug',
  13: 'bridge-subsystem-id',
  14: 'agp-8x',
  15: 'secure-device',
  16: 'pci-express',
  17: 'msi-x',
  18: 'sata',
  19: 'advanced-features',
  20: 'enhanced-allocation',
  21: 'flattening-portal-bridge',
}

const extended: Readonly<Record<number, string>> = {
  1: 'advanced-error-reporting',
  2: 'virtual-channel',
  3: 'device-serial-number',
  4: 'power-budgeting',
  5: 'root-complex-link-declaration',
  6: 'root-complex-internal-link',
  7: 'root-complex-event-collector',
  8: 'multi-function-virtual-channel',
  9: 'virtual-channel-mfvc',
  10: 'root-complex-register-block',
  11: 'vendor-specific',
  13: 'access-control-services',
  14: 'alternative-routing-id',
  15: 'address-translation-services',
  16: 'sr-iov',
  17: 'mr-iov',
  18: 'multicast',
  19: 'page-request',
  21: 'resizable-bar',
  22: 'dynamic-power-allocation',
  23: 'tph-requester',
  24: 'latency-tolerance-reporting',
  25: 'secondary-pci-express',
  26: 'protocol-multiplexing',
  27: 'pasid',
  29: 'downstream-port-containment',
  30: 'l1-pm-substates',
  31: 'precision-time-measurement',
  32: 'm-pcie',
  33: 'frs-queueing',
  34: 'readiness-time-reporting',
  35: 'designated-vendor-specific',
  36: 'vf-resizable-bar',
  37: 'data-link-feature',
  38: 'physical-layer-16gt',
  39: 'lane-margining',
  40: 'hierarchy-id',
  41: 'native-enclosure-management',
  42: 'physical-layer-32gt',
  43: 'alternate-protocol',
  44: 'system-firmware-intermediary',
  45: 'shadow-functions',
  46: 'data-object-exchange',
  48: 'integrity-and-data-encryption',
}

/** The identities of the capabilities that this library reads by itself. */
export const capabilityId = {
  powerManagement: 0x01,
  msi: 0x05,
  express: 0x10,
  msix: 0x11,
} as const

/** The same of extended capabilities. */
export const extendedCapabilityId = {
  advancedErrorReporting: 0x0001,
  deviceSerialNumber: 0x0003,
  sriov: 0x0010,
} as const

export function capabilityName(id: number): string {
  return capabilities[id] ?? `unknown-${id}`
}

export function extendedCapabilityName(id: number): string {
  return extended[id] ?? `unknown-${id}`
}
