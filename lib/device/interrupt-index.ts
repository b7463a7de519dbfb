// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'

/** The interrupt indexes that have a name. `error` and `request` are no interrupts of the device but news from its driver. */
export type InterruptKind = 'intx' | 'msi' | 'msi-x' | 'error' | 'request'

const DEVICE_FLAGS_PCI = 1 << 1
const DEVICE_FLAGS_CCW = 1 << 4
const DEVICE_FLAGS_AP = 1 << 5

// VFIO_PCI_*_IRQ_INDEX
const pci: Readonly<Record<InterruptKind, number>> = { intx: 0, msi: 1, 'msi-x': 2, error: 3, request: 4 }

/**
 * The index that this kind of device (`VFIO_DEVICE_FLAGS_*`) has for a kind of interrupt. Other kinds than PCI number theirs differently,
 * and have of these a request notifier at most (VFIO_CCW_REQ_IRQ_INDEX, VFIO_AP_REQ_IRQ_INDEX).
 */
export function indexOf(kind: InterruptKind, deviceFlags: number): number | undefined {
  if (deviceFlags & DEVICE_FLAGS_PCI) return pci[kind]
  if (kind !== 'request') return undefined
  if (deviceFlags & DEVICE_FLAGS_CCW) return 2
  if (deviceFlags & DEVICE_FLAGS_AP) return 0
  return undefined
}

/** What to call an index of this device. */
export function nameOfIndex(index: number, deviceFlags: number): string {
  for (const kind of Object.keys(pci) as InterruptKind[]) {
    if (indexOf(kind, deviceFlags) === index) return kind
  }
  return `interrupt index ${index}`
}

/** Whether a device can use only one of this and the other such indexes at a time: INTx, MSI and MSI-X of PCI. */
export function isExclusive(index: number, deviceFlags: number): boolean {
  return (deviceFlags & DEVICE_FLAGS_PCI) !== 0 && index <= pci['msi-x']
}

export function noSuchInterrupt(device: string, message: string): VfioError {
  return new VfioError('ERR_VFIO_NO_SUCH_INTERRUPT', `${device}: ${message}`, { device })
}
