// SPDX-License-Identifier: MIT
// The names that sysfs gives to devices. Whatever becomes part of a path passes one of these first.

/** What a name can be the name of. */
export type AddressKind = 'pci' | 'mdev' | 'cdev'

export interface Address {
  readonly kind: AddressKind
  /** As sysfs writes it: lower case, the PCI domain included. For a cdev its name, such as `vfio0`. */
  readonly name: string
}

// Domains have four digits, or more behind a VMD controller (10000:e1:00.0); functions end at 7, slots at 1f.
const pciPattern = /^(?:([0-9a-f]{4,8}):)?([0-9a-f]{2}):([01][0-9a-f])\.([0-7])$/
const uuidPattern = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/
const cdevPattern = /^\/dev\/vfio\/devices\/(vfio(?:0|[1-9][0-9]{0,8}))$/
// Any single path component of sysfs: platform devices have names such as fff51000.ethernet.
const namePattern = /^[A-Za-z0-9_][A-Za-z0-9_.:@+,-]{0,254}$/

/**
 * A PCI address (`0000:17:00.2`, or `17:00.2` in domain 0), an mdev UUID, or a device node below `/dev/vfio/devices`;
 * `undefined` for anything else. Upper case is accepted.
 */
export function parseAddress(text: string): Address | undefined {
  const lower = text.toLowerCase()
  const pci = pciPattern.exec(lower)
  if (pci) return { kind: 'pci', name: `${pci[1] ?? '0000'}:${pci[2]}:${pci[3]}.${pci[4]}` }
  if (uuidPattern.test(lower)) return { kind: 'mdev', name: lower }
  const cdev = cdevPattern.exec(text)
  return cdev?.[1] === undefined ? undefined : { kind: 'cdev', name: cdev[1] }
}

/** Whether `text` can be one component of a sysfs path: no slash, no leading dot. */
export function isSysfsName(text: string): boolean {
  return namePattern.test(text)
}

/** Whether `text` can be the name of a driver or an mdev type: a path component that is neither hidden nor more than one. */
export function isDriverName(text: string): boolean {
  return /^(?!\.)[ -.0-~]{1,255}$/.test(text)
}

/** Whether `text` is a UUID as sysfs writes it, in lower case. */
export function isUuid(text: string): boolean {
  return uuidPattern.test(text)
}
