// SPDX-License-Identifier: MIT
// Public as `vfio-migration/kernel`: the kernel's own nouns, for those who want them. `openDevice` needs none of it.
export { Container } from './container.js'
export { type GroupOptions, type GroupStatus, KernelGroup as Group } from './group.js'
export { Hwpt } from './hwpt.js'
export { type DmaProtection, Ioas, type IoasOptions } from './ioas.js'
export { type HwInfo, Iommufd } from './iommufd.js'
export { type DeviceLocation, locateDevice } from './locate.js'
export type { DeviceNeed, DevicePath } from './path.js'
