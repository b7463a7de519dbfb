// SPDX-License-Identifier: MIT
export { Device, type DeviceInfo } from './device/device.js'
export { Region, type RegionInfo } from './device/region.js'
export { RegionMapping } from './device/region-mapping.js'
export * from './errors/index.js'
