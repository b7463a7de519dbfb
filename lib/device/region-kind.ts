// SPDX-License-Identifier: MIT
// What the regions of a device are, by their index and by the type capability of <linux/vfio.h>.
import type { NativeRegionInfo } from '../native-binding.js'

const PCI_REGIONS = ['bar0', 'bar1', 'bar2', 'bar3', 'bar4', 'bar5', 'rom', 'config', 'vga'] as const

const VENDOR_TYPE = 0x8000_0000

interface KnownType {
  readonly type: number
  readonly subtype: number
  readonly name: string
}

const knownTypes: readonly KnownType[] = [
  { type: VENDOR_TYPE + 0x8086, subtype: 1, name: 'intel-igd-opregion' },
  { type: VENDOR_TYPE + 0x8086, subtype: 2, name: 'intel-igd-host-config' },
  { type: VENDOR_TYPE + 0x8086, subtype: 3, name: 'intel-igd-lpc-config' },
  { type: VENDOR_TYPE + 0x10de, subtype: 1, name: 'nvidia-nvlink2-ram' },
  { type: VENDOR_TYPE + 0x1014, subtype: 1, name: 'ibm-nvlink2-atsd' },
  { type: 1, subtype: 1, name: 'gfx-edid' },
  { type: 2, subtype: 1, name: 'ccw-async-command' },
  { type: 2, subtype: 2, name: 'ccw-subchannel-info' },
  { type: 2, subtype: 3, name: 'ccw-channel-report' },
  { type: 3, subtype: 1, name: 'migration' },
]

/**
 * What a region is: `bar0` to `bar5`, `rom`, `config`, `vga`; a name for the types that `<linux/vfio.h>` knows; `vendor-8086-9` or
 * `type-5-1` for those that it does not; `region-N` where nothing is known.
 * @param pci whether the device is a PCI device: only there does an index have a meaning
 */
export function regionKind(info: Pick<NativeRegionInfo, 'index' | 'type'>, pci: boolean): string {
  const { index, type } = info
  if (type === null) return (pci ? PCI_REGIONS[index] : undefined) ?? `region-${index}`
  const known = knownTypes.find((one) => one.type === type.type && one.subtype === type.subtype)
  if (known) return known.name
  return type.type >= VENDOR_TYPE
    ? `vendor-${(type.type & 0xffff).toString(16).padStart(4, '0')}-${type.subtype}`
    : `type-${type.type}-${type.subtype}`
}

// VFIO_REGION_INFO_CAP_*.
const capabilities: Readonly<Record<number, string>> = {
  1: 'sparse-mmap',
  2: 'type',
  3: 'msix-mappable',
  4: 'nvlink2-ssatgt',
  5: 'nvlink2-lnkspd',
}

/** The name of a capability of a region, or `unknown-N`. */
export function regionCapabilityName(id: number): string {
  return capabilities[id] ?? `unknown-${id}`
}
