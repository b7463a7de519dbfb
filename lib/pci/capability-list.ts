// SPDX-License-Identifier: MIT
// The two lists of capabilities in PCI configuration space. A list is what a device says: it may lead out of configuration space, into its
// header, or in a circle, so every step is checked before it is taken and their number is bounded.
import { VfioError } from '../errors/index.js'
import { capabilityName, extendedCapabilityName } from './capability-names.js'
import type { ConfigAccess } from './config-access.js'

/** A capability, and where in configuration space its header is. */
export interface Capability {
  readonly id: number
  /** The specification's name in lower case (`msi-x`, `power-management`), or `unknown-N`. */
  readonly name: string
  /** In bytes from the start of configuration space. */
  readonly offset: number
}

/** An extended capability, which PCI Express has above the first 256 bytes. */
export interface ExtendedCapability extends Capability {
  readonly version: number
}

const STATUS = 0x06
const STATUS_CAPABILITIES = 1 << 4
const CAPABILITIES_POINTER = 0x34
const FIRST_CAPABILITY = 0x40
const CONVENTIONAL_SIZE = 0x100
/** As many as fit: a capability takes at least four bytes. */
const MOST_CAPABILITIES = (CONVENTIONAL_SIZE - FIRST_CAPABILITY) / 4

const FIRST_EXTENDED = 0x100
const EXTENDED_SIZE = 0x1000
const MOST_EXTENDED = 1024

function malformed(access: ConfigAccess, what: string): VfioError {
  return new VfioError('ERR_VFIO_MALFORMED', `${access.device}: the list of PCI ${what}`, {
    device: access.device,
  })
}

/** @throws {VfioError} `ERR_VFIO_MALFORMED`: `bytes` from the capability's header on do not fit into its part of configuration space */
export function checkRoom(access: ConfigAccess, capability: Capability, bytes: number): void {
  const part = capability.offset < CONVENTIONAL_SIZE ? CONVENTIONAL_SIZE : EXTENDED_SIZE
  if (capability.offset + bytes <= Math.min(part, access.size)) return
  throw malformed(
    access,
    `capabilities has ${capability.name} at ${capability.offset}, where it does not fit`,
  )
}

/**
 * The capabilities in the order of the list, each read when it is asked for: whoever stops early is spared what is wrong further on.
 * @throws {VfioError} `ERR_VFIO_MALFORMED`: the list leads out of configuration space or in a circle, or the device no longer answers
 */
export async function* walkCapabilities(access: ConfigAccess): AsyncGenerator<Capability, void, void> {
  if (access.size < CONVENTIONAL_SIZE) return
  const status = await access.read(STATUS, 2)
  if ((status & STATUS_CAPABILITIES) === 0) return
  const seen = new Set<number>()
  // The low two bits of a pointer are reserved and to be masked (PCI Local Bus 3.0, 6.7).
  let offset = (await access.read(CAPABILITIES_POINTER, 1)) & ~3
  while (offset !== 0) {
    if (offset < FIRST_CAPABILITY) {
      throw malformed(access, `capabilities leads to ${offset}, into the header`)
    }
    if (seen.has(offset)) throw malformed(access, `capabilities comes back to ${offset}`)
    if (seen.size >= MOST_CAPABILITIES) throw malformed(access, 'capabilities does not end')
    seen.add(offset)
    const header = await access.read(offset, 2)
    const id = header & 0xff
    if (id === 0xff) throw malformed(access, `capabilities has none at ${offset}: the device does not answer`)
    yield { id, name: capabilityName(id), offset }
    offset = (header >> 8) & ~3
  }
}

/**
 * The extended capabilities in the order of the list; none where configuration space has 256 bytes. A header of identity 0 is passed over:
 * vfio-pci puts it where it hides a capability.
 * @throws {VfioError} `ERR_VFIO_MALFORMED` as {@link walkCapabilities}
 */
export async function* walkExtendedCapabilities(
  access: ConfigAccess,
): AsyncGenerator<ExtendedCapability, void, void> {
  const end = Math.min(access.size, EXTENDED_SIZE)
  const seen = new Set<number>()
  let offset = FIRST_EXTENDED
  while (offset !== 0) {
    if (offset < FIRST_EXTENDED) {
      throw malformed(access, `extended capabilities leads to ${offset}, below the extended part`)
    }
    if (offset + 4 > end) {
      // A space of 256 bytes has no list; one that ends early has a list that leads out of it.
      if (offset === FIRST_EXTENDED) return
      throw malformed(access, `extended capabilities leads to ${offset}, out of ${end} bytes`)
    }
    if (seen.has(offset)) throw malformed(access, `extended capabilities comes back to ${offset}`)
    if (seen.size >= MOST_EXTENDED) throw malformed(access, 'extended capabilities does not end')
    seen.add(offset)
    const header = await access.read(offset, 4)
    // All ones at the start: the bus does not reach the extended part.
    if (header === 0xffff_ffff) {
      if (offset === FIRST_EXTENDED) return
      throw malformed(access, `extended capabilities has none at ${offset}: the device does not answer`)
    }
    const id = header & 0xffff
    if (id !== 0) {
      yield { id, name: extendedCapabilityName(id), offset, version: (header >>> 16) & 0xf }
    }
    offset = (header >>> 20) & ~3
  }
}
