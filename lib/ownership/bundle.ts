// SPDX-License-Identifier: MIT
// A device as descriptors: what goes over a socket, and what a device is made of again at the other end.
import { Container } from '../device/kernel/container.js'
import { KernelGroup } from '../device/kernel/group.js'
import { adoptKernelDevice, type OpenedDevice } from '../device/kernel/open.js'
import { VfioError } from '../errors/index.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import { Descriptor, type DescriptorKind } from './descriptor.js'
import type { DeviceFacts, Role } from './messages.js'

/** Owned descriptors by what they are for. */
export type Bundle = Map<Role, Descriptor>

const kinds: Readonly<Record<Role, DescriptorKind>> = {
  device: 'device',
  group: 'group',
  container: 'container',
  iommufd: 'iommufd',
  session: 'migration-data',
}

// What must be closed before what.
const closingOrder: readonly Role[] = ['session', 'device', 'group', 'container', 'iommufd']

/** Closes all of them, in the order that the kernel's objects live on one another. */
export async function closeBundle(bundle: Bundle): Promise<void> {
  for (const role of closingOrder) await bundle.get(role)?.close()
  bundle.clear()
}

/**
 * Duplicates of everything that a new holder of `device` needs: the device, its group, container or iommufd, and the data descriptor of
 * the migration state it is in, unless a save or load has taken that.
 * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: a device of this process has no descriptors
 */
export async function bundleOf(device: MigratableDevice): Promise<Bundle> {
  const { descriptor } = device
  if (descriptor === undefined) throw notADescriptor(device.spec)
  const bundle: Bundle = new Map()
  try {
    bundle.set('device', Descriptor.duplicate(descriptor))
    for (const { kind, descriptor } of device.companions) bundle.set(kind, Descriptor.duplicate(descriptor))
    const session = (await migrationOf(device))?.session?.descriptor
    if (session !== undefined) bundle.set('session', Descriptor.duplicate(session))
  } catch (error) {
    await closeBundle(bundle)
    throw error
  }
  return bundle
}

/** The error for a device that lives in a process, this one or a vfio-user server, and cannot leave it. */
export function notADescriptor(spec: string): VfioError {
  return new VfioError(
    'ERR_VFIO_UNSUPPORTED',
    `${spec} has no descriptor that could be handed over: only devices of the kernel have one. To outlive the process that uses it, a simulated ` +
      'device is served over vfio-user (vfio-migrate serve); else keep this process (--hold)',
    { device: spec },
  )
}

/** What is told of a device: asked of the device itself where it migrates. */
export async function factsOf(device: MigratableDevice, name: string = nameOf(device)): Promise<DeviceFacts> {
  const migration = await migrationOf(device)
  return {
    name,
    ...(device.driver === undefined ? {} : { driver: device.driver }),
    ...(migration === undefined ? {} : { protocol: migration.protocol, state: await migration.state() }),
  }
}

/** How a device is called where it is handed to: its address or node; for a device that a keeper lent, the name it has there. */
export function nameOf({ spec }: MigratableDevice): string {
  return spec.startsWith('held:') && spec.includes('#') ? spec.slice(spec.lastIndexOf('#') + 1) : spec
}

async function migrationOf(device: MigratableDevice) {
  try {
    return await device.migration()
  } catch (error) {
    if (error instanceof VfioError && error.code === 'ERR_VFIO_NOT_MIGRATABLE') return undefined
    throw error
  }
}

/**
 * Sorts received descriptors by the roles that a message gave them, and makes sure, without an ioctl, that each is what it is said to
 * be. On failure all of them are closed.
 * @throws {VfioError} `ERR_VFIO_MALFORMED`: more or fewer than roles; `ERR_VFIO_NOT_A_DEVICE`
 */
export async function bundleFrom(
  roles: readonly Role[],
  descriptors: readonly Descriptor[],
): Promise<Bundle> {
  try {
    if (roles.length !== descriptors.length) {
      throw new VfioError(
        'ERR_VFIO_MALFORMED',
        `${descriptors.length} descriptors came for ${roles.length} roles`,
      )
    }
    const bundle: Bundle = new Map()
    for (const [index, role] of roles.entries()) {
      const descriptor = descriptors[index] as Descriptor
      const { kind } = await descriptor.identify()
      if (kind !== kinds[role]) {
        throw new VfioError(
          'ERR_VFIO_NOT_A_DEVICE',
          `what came as the ${role} is ${kind === 'other' ? "nothing of VFIO's" : `a descriptor of kind ${kind}`}`,
        )
      }
      bundle.set(role, descriptor)
    }
    return bundle
  } catch (error) {
    await Promise.all(descriptors.map((descriptor) => descriptor.close()))
    throw error
  }
}

/** Makes a device of what came. The bundle stays the caller's, except for an iommufd, which the device holds from then on. */
export async function openBundle(bundle: Bundle, spec: string, facts: DeviceFacts): Promise<OpenedDevice> {
  const device = bundle.get('device')
  if (device === undefined) throw new VfioError('ERR_VFIO_MALFORMED', 'no device came', { device: spec })
  const container = bundle.get('container')
  const group = bundle.get('group')
  // The native device holds its group and that its container, so these handles have done their work afterwards.
  await using adoptedContainer = container === undefined ? undefined : await Container.adopt(container.fd)
  await using adoptedGroup =
    group === undefined
      ? undefined
      : await KernelGroup.adopt(
          group.fd,
          adoptedContainer === undefined ? {} : { container: adoptedContainer },
        )
  const { native, identity } = await adoptKernelDevice(device.fd, spec, adoptedGroup ?? null)
  const iommufd = bundle.get('iommufd')
  bundle.delete('iommufd')
  return {
    native,
    identity: {
      ...identity,
      driver: facts.driver,
      holds: iommufd === undefined ? [] : [iommufd],
      companions: iommufd === undefined ? [] : [{ kind: 'iommufd', descriptor: iommufd.fd }],
    },
  }
}
