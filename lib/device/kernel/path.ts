// SPDX-License-Identifier: MIT
import { VfioError } from '../../errors/index.js'

/**
 * The two ways to a device of the kernel's.
 *
 * - `group`: `/dev/vfio/N` and a container. On every kernel. Dirty tracking of the container (type1), which is the only one a v1 device
 *   has; VF tokens; mappings of other devices' memory (peer to peer); groups without an IOMMU. A device can be opened several times.
 * - `cdev`: `/dev/vfio/devices/vfioN` and an iommufd (Linux 6.6). Dirty tracking by the IOMMU itself where that can (Linux 6.7); moving
 *   from one address space to another. One open per device, no peer to peer (Linux 6.12), no dirty tracking of emulated devices.
 */
export type DevicePath = 'group' | 'cdev'

/**
 * What a device will be used for, where only one of the paths can: `type1-dirty-tracking` and `peer-to-peer` want the group,
 * `hwpt-dirty-tracking` (dirty bits kept by the IOMMU) the node.
 */
export type DeviceNeed = 'type1-dirty-tracking' | 'hwpt-dirty-tracking' | 'peer-to-peer'

export interface PathRequest {
  readonly path?: 'auto' | DevicePath
  readonly needs?: readonly DeviceNeed[]
  /** What the address space that was given is of. */
  readonly addressSpace?: 'container' | 'ioas'
  /** A VF token goes with it. */
  readonly vfToken?: boolean
  /** The device was named by its node. */
  readonly byNode?: boolean
}

export interface PathFacts {
  /** The device's own node. */
  readonly cdev: string | undefined
  readonly group: { readonly node: string | undefined; readonly noiommu: boolean }
}

const paths: Readonly<Record<DeviceNeed, DevicePath>> = {
  'type1-dirty-tracking': 'group',
  'hwpt-dirty-tracking': 'cdev',
  'peer-to-peer': 'group',
}

const words: Readonly<Record<DevicePath, string>> = { group: 'through its group', cdev: 'by its own node' }

/**
 * Which path serves the request: what is asked for decides; without any wishes the group does, since every kernel has it and every kind
 * of dirty tracking of an emulated device needs it, unless the device was named by its node or the kernel makes no groups.
 * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: no path does all that is asked, or this kernel does not have it
 */
export function choosePath(request: PathRequest, facts: PathFacts, device: string): DevicePath {
  const reasons: { path: DevicePath; why: string }[] = []
  const { path = 'auto', needs = [], addressSpace } = request
  if (path !== 'auto') reasons.push({ path, why: `path: '${path}'` })
  for (const need of needs) reasons.push({ path: paths[need], why: need })
  if (addressSpace === 'container') reasons.push({ path: 'group', why: 'a container as address space' })
  if (addressSpace === 'ioas') reasons.push({ path: 'cdev', why: 'an IOAS as address space' })
  if (request.vfToken) reasons.push({ path: 'group', why: 'a VF token' })
  if (facts.group.noiommu) reasons.push({ path: 'group', why: 'a group without an IOMMU' })

  const first = reasons[0]
  const other = reasons.find(({ path }) => path !== first?.path)
  if (first && other) {
    throw new VfioError(
      'ERR_VFIO_UNSUPPORTED',
      `${device}: ${first.why} needs the device opened ${words[first.path]}, ${other.why} ${words[other.path]}: leave one of them out`,
      { device },
    )
  }
  const hasGroup = facts.group.node !== undefined
  const chosen = first?.path ?? (facts.cdev !== undefined && (request.byNode || !hasGroup) ? 'cdev' : 'group')
  if (chosen === 'cdev' && facts.cdev === undefined) {
    throw new VfioError(
      'ERR_VFIO_UNSUPPORTED',
      `${device} has no node of its own (Linux 6.6 with CONFIG_VFIO_DEVICE_CDEV makes them), which ${first?.why ?? 'it'} needs`,
      { device },
    )
  }
  if (chosen === 'group' && !hasGroup && facts.cdev !== undefined) {
    throw new VfioError(
      'ERR_VFIO_UNSUPPORTED',
      `this kernel has no nodes for groups (CONFIG_VFIO_GROUP), which ${first?.why ?? 'it'} needs`,
      { device },
    )
  }
  return chosen
}
