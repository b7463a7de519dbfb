// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'

/** A device specification, taken apart. */
export type DeviceSpec =
  | { readonly kind: 'simulated'; readonly spec: string }
  /** The socket of a server, as it was given: relative paths begin in the working directory. */
  | { readonly kind: 'vfio-user'; readonly path: string }
  | { readonly kind: 'descriptor'; readonly fd: number }
  /** A PCI address, an mdev UUID or a node below /dev/vfio/devices, as the kernel backend takes it. */
  | { readonly kind: 'kernel'; readonly name: string }

const pci = /^(?:[0-9a-f]{4,8}:)?[0-9a-f]{2}:[01][0-9a-f]\.[0-7]$/i
const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i
const node = /^\/dev\/vfio\/devices\/vfio[0-9]{1,9}$/

const VFIO_USER = 'vfio-user:'

/**
 * Takes a device specification apart; nothing is opened or looked up.
 * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC` with the forms there are
 */
export function parseDeviceSpec(spec: string): DeviceSpec {
  if (spec.startsWith('sim:')) return { kind: 'simulated', spec }
  if (spec.startsWith(VFIO_USER) && spec.length > VFIO_USER.length)
    return { kind: 'vfio-user', path: spec.slice(VFIO_USER.length) }
  const descriptor = /^fd:([0-9]{1,9})$/.exec(spec)
  if (descriptor) return { kind: 'descriptor', fd: Number(descriptor[1]) }
  if (pci.test(spec) || uuid.test(spec)) return { kind: 'kernel', name: spec.toLowerCase() }
  if (node.test(spec)) return { kind: 'kernel', name: spec }
  throw new VfioError(
    'ERR_VFIO_DEVICE_SPEC',
    `"${spec}" names no device. A device is a PCI address (0000:17:00.2), an mdev UUID, a node (/dev/vfio/devices/vfio0), ` +
      'an inherited descriptor (fd:3), the socket of a vfio-user server (vfio-user:/run/nic.sock) or a simulated device ' +
      '(sim:v2,state=64MiB)',
    { device: spec },
  )
}
