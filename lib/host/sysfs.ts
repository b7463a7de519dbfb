// SPDX-License-Identifier: MIT
import { access, readdir, readFile, readlink } from 'node:fs/promises'
import { basename, join } from 'node:path'

/** Where the kernel's trees are mounted. Tests build their own. */
export interface HostRoots {
  /** Default `/sys`. */
  readonly sysfs?: string
  /** Default `kernel/debug` below {@link sysfs}. Readable to root alone, on most hosts. */
  readonly debugfs?: string
  /** Default `/dev`. */
  readonly dev?: string
}

/**
 * Reads attributes, links and folders below the kernel's trees. What is not there, or not for us, is `undefined` or empty: devices come and
 * go while we look. Nothing is ever opened that a driver would notice.
 */
export class Sysfs {
  readonly root: string
  readonly debugfs: string
  readonly dev: string

  constructor(roots: HostRoots = {}) {
    this.root = roots.sysfs ?? '/sys'
    this.debugfs = roots.debugfs ?? join(this.root, 'kernel/debug')
    this.dev = roots.dev ?? '/dev'
  }

  /** A whole attribute without its newline. `path` is relative to the root. */
  async text(...path: string[]): Promise<string | undefined> {
    return readAttribute(join(this.root, ...path))
  }

  /** An attribute that holds one number, decimal or with `0x`. */
  async number(...path: string[]): Promise<number | undefined> {
    const text = await this.text(...path)
    if (text === undefined || !/^(?:0x[0-9a-f]{1,8}|[0-9]{1,15})$/i.test(text)) return undefined
    return Number(text)
  }

  /** The last component of where a link leads: the driver, the group's number. */
  async linkName(...path: string[]): Promise<string | undefined> {
    try {
      return basename(await readlink(join(this.root, ...path)))
    } catch {
      return undefined
    }
  }

  /** Names in a folder, sorted. */
  async names(...path: string[]): Promise<string[]> {
    try {
      return (await readdir(join(this.root, ...path))).sort()
    } catch {
      return []
    }
  }

  async exists(...path: string[]): Promise<boolean> {
    return pathExists(join(this.root, ...path))
  }

  /** Whether `/dev/NAME` is there. */
  async nodeExists(name: string): Promise<boolean> {
    return pathExists(join(this.dev, name))
  }

  /** An attribute below debugfs. */
  async debugText(...path: string[]): Promise<string | undefined> {
    return readAttribute(join(this.debugfs, ...path))
  }

  async debugExists(...path: string[]): Promise<boolean> {
    return pathExists(join(this.debugfs, ...path))
  }
}

async function readAttribute(path: string): Promise<string | undefined> {
  try {
    return (await readFile(path, 'utf8')).trimEnd()
  } catch {
    return undefined
  }
}

async function pathExists(path: string): Promise<boolean> {
  try {
    await access(path)
    return true
  } catch {
    return false
  }
}
