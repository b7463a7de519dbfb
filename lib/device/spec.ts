// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'

/** A device specification, taken apart. */
export type DeviceSpec =
  | { readonly kind: 'simulated'; readonly spec: string }
  /** The socket of a server, as it was given: relative paths begin in the working directory. */
  | { readonly kind: 'vfio-user'; readonly path: string }
  | { readonly kind: 'descriptor'; readonly fd: number }
  /** Handed over by the convention of sd_listen_fds(3): an index from 0, or a name. */
  | { readonly kind: 'listen'; readonly which: string }
  | { readonly kind: 'process'; readonly pid: number; readonly fd: number }
  /** Lent by a keeper; without a name, the only one it holds. */
  | { readonly kind: 'held'; readonly path: string; readonly name: string | undefined }
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
  const listen = /^listen:([\x21-\x7e]{1,255})$/.exec(spec)
  if (listen?.[1] !== undefined) return { kind: 'listen', which: listen[1] }
  const process = /^pid:([1-9][0-9]{0,8})\/([0-9]{1,9})$/.exec(spec)
  if (process) return { kind: 'process', pid: Number(process[1]), fd: Number(process[2]) }
  const held = /^held:([^#\0]+)(?:#([^\s#]{1,100}))?$/.exec(spec)
  if (held?.[1] !== undefined) return { kind: 'held', path: held[1], name: held[2] }
  if (pci.test(spec) || uuid.test(spec)) return { kind: 'kernel', name: spec.toLowerCase() }
  if (node.test(spec)) return { kind: 'kernel', name: spec }
  throw new VfioError(
    'ERR_VFIO_DEVICE_SPEC',
    `"${spec}" names no device. A device is a PCI address (0000:17:00.2), an mdev UUID, a node (/dev/vfio/devices/vfio0), ` +
      'a descriptor that somebody else opened (fd:3, listen:NAME, pid:PID/FD), a device that a keeper lends (held:SOCKET#NAME), the socket of a ' +
      'vfio-user server (vfio-user:/run/nic.sock) or a simulated device (sim:v2,state=64MiB)',
    { device: spec },
  )
}
