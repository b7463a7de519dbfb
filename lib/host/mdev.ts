// SPDX-License-Identifier: MIT
import { readlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import type { Sysfs } from './sysfs.js'

/** A mediated device: made by its parent's driver, without an IOMMU context of its own. */
export interface MdevFacts {
  /** The type it was made from, such as `mtty-2` or `i915-GVTg_V5_4`. */
  readonly type: string | undefined
  /** The device it was made from: a PCI address, or a name such as `mtty`. */
  readonly parent: string | undefined
  /** The parent's driver, which also implements the mdev. */
  readonly parentDriver: string | undefined
}

export async function readMdevFacts(sysfs: Sysfs, uuid: string): Promise<MdevFacts> {
  const device = `bus/mdev/devices/${uuid}`
  const parentPath = await parentOf(sysfs, device)
  return {
    type: await sysfs.linkName(device, 'mdev_type'),
    parent: parentPath === undefined ? undefined : basename(parentPath),
    // A virtual parent (mtty) has no driver link; its type names begin with the driver's name.
    parentDriver:
      parentPath === undefined
        ? undefined
        : ((await sysfs.linkName(parentPath, 'driver')) ?? (await virtualParent(sysfs, parentPath))),
  }
}

// bus/mdev/devices/UUID is a link to PARENT/UUID.
async function parentOf(sysfs: Sysfs, device: string): Promise<string | undefined> {
  try {
    const target = join(dirname(device), await readlink(join(sysfs.root, device)))
    return target.startsWith('..') ? undefined : dirname(target)
  } catch {
    return undefined
  }
}

async function virtualParent(sysfs: Sysfs, parentPath: string): Promise<string | undefined> {
  return (await sysfs.exists(parentPath, 'mdev_supported_types')) ? basename(parentPath) : undefined
}
