// SPDX-License-Identifier: MIT
import type { HostWrite } from '../../errors/index.js'
import { asRoot, shellWrite } from '../shell-quote.js'
import type { Sysfs } from '../sysfs.js'

/** One thing that was looked at. */
export interface Finding {
  /** Which check: stable, for programs (`iommu`, `group-viable`, `driver`, …). Several findings may share one. */
  readonly id: string
  /** `ok`; `note`: worth knowing, nothing to mend; `problem`: stands in the way. */
  readonly severity: 'ok' | 'note' | 'problem'
  /** The device it is about; `undefined` for the host as a whole. */
  readonly device: string | undefined
  /** What was found. */
  readonly what: string
  /** Why it matters. */
  readonly why: string | undefined
  /** The shell command that mends it, quoted, to be pasted as it is. */
  readonly command: string | undefined
  /** What to add to the kernel's command line, where only a boot mends it. */
  readonly bootParameter: string | undefined
}

export interface FindingDetails {
  readonly device?: string
  readonly why?: string | undefined
  readonly command?: string | undefined
  readonly bootParameter?: string | undefined
}

export function finding(
  id: string,
  severity: Finding['severity'],
  what: string,
  details: FindingDetails = {},
): Finding {
  const { device, why, command, bootParameter } = details
  return { id, severity, device, what, why, command, bootParameter }
}

/** What every check is given. */
export interface Examination {
  readonly sysfs: Sysfs
  /** It is this machine, not a copy of another's trees: its processes, limits and permissions can be looked at. */
  readonly live: boolean
  /** Who will run the commands. */
  readonly uid: number | undefined
  /** Whether this process may open a node for reading and writing; asked without opening it. */
  readonly mayOpen: (path: string) => Promise<boolean>
}

/** Commands, one after the other while they succeed, as root. */
export function rootCommand({ uid }: Examination, ...commands: readonly string[]): string {
  return asRoot(commands.join(' && '), uid)
}

/** The commands that carry out writes. They name the host's own `/sys`, also for one that was copied. */
export function writeCommands({ sysfs }: Examination, writes: readonly HostWrite[]): string[] {
  return writes.map(({ path, value }) => {
    const own = path.startsWith(`${sysfs.root}/`) ? `/sys${path.slice(sysfs.root.length)}` : path
    return shellWrite(own, value)
  })
}
