// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import * as constants from '../../../lib/constants.js'
import { regionCapabilityName, regionKind } from '../../../lib/device/region-kind.js'

const intel = constants.VFIO_REGION_TYPE_PCI_VENDOR_TYPE + 0x8086

it.each([
  ['bar0', 0, null],
  ['bar5', 5, null],
  ['rom', constants.VFIO_PCI_ROM_REGION_INDEX, null],
  ['config', constants.VFIO_PCI_CONFIG_REGION_INDEX, null],
  ['vga', constants.VFIO_PCI_VGA_REGION_INDEX, null],
  ['region-9', 9, null],
  ['migration', 9, [constants.VFIO_REGION_TYPE_MIGRATION_DEPRECATED, 1]],
  ['intel-igd-opregion', 9, [intel, constants.VFIO_REGION_SUBTYPE_INTEL_IGD_OPREGION]],
  ['intel-igd-host-config', 10, [intel, constants.VFIO_REGION_SUBTYPE_INTEL_IGD_HOST_CFG]],
  ['intel-igd-lpc-config', 11, [intel, constants.VFIO_REGION_SUBTYPE_INTEL_IGD_LPC_CFG]],
  ['gfx-edid', 9, [constants.VFIO_REGION_TYPE_GFX, constants.VFIO_REGION_SUBTYPE_GFX_EDID]],
  ['ccw-subchannel-info', 2, [constants.VFIO_REGION_TYPE_CCW, constants.VFIO_REGION_SUBTYPE_CCW_SCHIB]],
  ['vendor-15b3-7', 9, [constants.VFIO_REGION_TYPE_PCI_VENDOR_TYPE + 0x15b3, 7]],
  ['type-5-1', 9, [5, 1]],
] as const)('a region is called %s', (name, index, type) => {
  const described = type === null ? null : { type: type[0], subtype: type[1] }
  expect(regionKind({ index, type: described }, true)).toBe(name)
})

it('an index says nothing about a device that is not PCI', () => {
  expect(regionKind({ index: 7, type: null }, false)).toBe('region-7')
})

it('capabilities have the names of the header', () => {
  expect([1, 2, 3, 4, 5, 77].map(regionCapabilityName)).toEqual([
    'sparse-mmap',
    'type',
    'msix-mappable',
    'nvlink2-ssatgt',
    'nvlink2-lnkspd',
    'unknown-77',
  ])
})
