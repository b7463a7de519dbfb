// SPDX-License-Identifier: MIT
// Folders for sockets, and what is open in this process.
import { mkdtempSync, readdirSync, readlinkSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

export class SocketFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'vfio-own-'))

  get socket(): string {
    return join(this.path, 'socket')
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

/** How many descriptors of this process are open whose name in `/proc` contains `part`. */
export function countOpen(part: string): number {
  return readdirSync('/proc/self/fd').filter((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`).includes(part)
    } catch {
      return false
    }
  }).length
}

/** Waits until `done` says so. */
export async function eventually(done: () => boolean | Promise<boolean>): Promise<void> {
  for (let tries = 0; !(await done()); tries++) {
    if (tries > 250) throw new Error('it never came to that')
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}
