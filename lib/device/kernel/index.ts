// SPDX-License-Identifier: MIT
// Public as `vfio-migration/kernel`: the kernel's own nouns, for those who want them. `openDevice` needs none of it.
export { Container } from './container.js'
export { type GroupOptions, type GroupStatus, KernelGroup as Group } from './group.js'
export { type DeviceLocation, locateDevice } from './locate.js'
