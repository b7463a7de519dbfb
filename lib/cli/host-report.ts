// SPDX-License-Identifier: MIT
import { type HostChange, shellWrite } from '../host/index.js'
import type { CommandReport } from './command-run.js'

/** A change of the host; in a dry run the shell commands that do the same. */
export function changeReport(change: HostChange, done: string): CommandReport {
  const commands = change.writes.map(({ path, value }) => shellWrite(path, value))
  const planned = commands.length === 0 ? 'nothing to do' : commands.join('\n')
  return { json: { ok: true, ...change }, text: change.dryRun ? planned : done }
}
