// SPDX-License-Identifier: MIT
import { access, readdir, readFile, readlink, realpath } from 'node:fs/promises'
import { release } from 'node:os'
import { basename, dirname, join, resolve } from 'node:path'

/** Where the kernel's trees are mounted. Tests build their own. */
export interface HostRoots {
  /** Default `/sys`. */
  readonly sysfs?: string
  /** Default `kernel/debug` below {@link sysfs}. Readable to root alone, on most hosts. */
  readonly debugfs?: string
  /** Default `/dev`. */
  readonly dev?: string
  /** Default `/proc`. */
  readonly proc?: string
  /** The modules of the kernel in question. Default `/lib/modules/` and the release of the running one. */
  readonly modules?: string
}

/**
 * The roots of a host that was copied: `sysfs` is the copy of its `/sys`, and what else was copied lies beside that, as `dev`, `proc` and
 * `lib/modules/RELEASE`. Nothing of this machine is mixed in; what was not copied is not known.
 */
export async function copiedRoots(sysfs: string): Promise<Required<HostRoots>> {
  const beside = dirname(resolve(sysfs))
  const releases = await readdir(join(beside, 'lib/modules')).catch(() => [])
  return {
    sysfs,
    debugfs: join(sysfs, 'kernel/debug'),
    dev: join(beside, 'dev'),
    proc: join(beside, 'proc'),
    modules: join(beside, 'lib/modules', releases.sort().at(-1) ?? 'none'),
  }
}

/**
 * Reads attributes, links and folders below the kernel's trees. What is not there, or not for us, is `undefined` or empty: devices come and
 * go while we look. Nothing is ever opened that a driver would notice.
 */
export class Sysfs {
  readonly root: string
  readonly debugfs: string
  readonly dev: string
  readonly proc: string
  readonly modules: string

  constructor(roots: HostRoots = {}) {
    this.root = roots.sysfs ?? '/sys'
    this.debugfs = roots.debugfs ?? join(this.root, 'kernel/debug')
    this.dev = roots.dev ?? '/dev'
    this.proc = roots.proc ?? '/proc'
    this.modules = roots.modules ?? `/lib/modules/${release()}`
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

  /** Where a path leads in the end, relative to the root; `undefined` when it leads nowhere, or out of it. */
  async target(...path: string[]): Promise<string | undefined> {
    try {
      const [root, target] = await Promise.all([realpath(this.root), realpath(join(this.root, ...path))])
      return target.startsWith(`${root}/`) ? target.slice(root.length + 1) : undefined
    } catch {
      return undefined
    }
  }

  /** A file below `/proc`. */
  async procText(...path: string[]): Promise<string | undefined> {
    return readAttribute(join(this.proc, ...path))
  }

  /** A file of the kernel's module folder. */
  async moduleText(name: string): Promise<string | undefined> {
    return readAttribute(join(this.modules, name))
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
