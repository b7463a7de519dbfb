// SPDX-License-Identifier: MIT
import { checkRoom, type ExtendedCapability } from './capability-list.js'
import type { ConfigAccess } from './config-access.js'

const CAPABILITIES = 0x04
const CONTROL = 0x08
const INITIAL_VFS = 0x0c
const TOTAL_VFS = 0x0e
const NUM_VFS = 0x10
const FIRST_VF_OFFSET = 0x14
const VF_STRIDE = 0x16
const VF_DEVICE_ID = 0x1a
const SIZE = 0x40

/** The SR-IOV capability of a physical function. */
export interface SriovCapability {
  readonly offset: number
  readonly enabled: boolean
  readonly initialVfs: number
  readonly totalVfs: number
  readonly vfs: number
  /** Of the routing identity (bus, device and function as one number): from the physical function to its first VF, and from one to the next. */
  readonly firstVfOffset: number
  readonly vfStride: number
  readonly vfDeviceId: number
  /** Whether VFs can be migrated by hardware means of SR-IOV itself, which nobody uses: not what VFIO calls migration. */
  readonly vfMigration: boolean
}

export async function readSriov(
  access: ConfigAccess,
  capability: ExtendedCapability,
): Promise<SriovCapability> {
  const { offset } = capability
  checkRoom(access, capability, SIZE)
  return {
    offset,
    enabled: ((await access.read(offset + CONTROL, 2)) & 1) !== 0,
    initialVfs: await access.read(offset + INITIAL_VFS, 2),
    totalVfs: await access.read(offset + TOTAL_VFS, 2),
    vfs: await access.read(offset + NUM_VFS, 2),
    firstVfOffset: await access.read(offset + FIRST_VF_OFFSET, 2),
    vfStride: await access.read(offset + VF_STRIDE, 2),
    vfDeviceId: await access.read(offset + VF_DEVICE_ID, 2),
    vfMigration: ((await access.read(offset + CAPABILITIES, 4)) & 1) !== 0,
  }
}
