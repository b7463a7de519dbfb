// SPDX-License-Identifier: MIT
// How much of the processors others used while something was measured.
import { readFileSync } from 'node:fs'

const TICKS_PER_SECOND = 100 // USER_HZ, on every architecture of Linux that Node runs on

function busySeconds() {
  const [, user, nice, system, , , irq, softirq, steal] = readFileSync('/proc/stat', 'utf8')
    .split('\n', 1)[0]
    .split(/\s+/)
    .map(Number)
  return (user + nice + system + irq + softirq + steal) / TICKS_PER_SECOND
}

/** User and system seconds of a process and the children it waited for. */
function ownSeconds(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'utf8')
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return (Number(fields[11]) + Number(fields[12])) / TICKS_PER_SECOND
  } catch {
    return 0
  }
}

function withChildren(pid) {
  try {
    const children = readFileSync(`/proc/${pid}/task/${pid}/children`, 'utf8').trim()
    return [
      pid,
      ...(children === '' ? [] : children.split(' ').flatMap((child) => withChildren(Number(child)))),
    ]
  } catch {
    return [pid]
  }
}

/**
 * Starts to watch. The answer, called at the end, is processor seconds that neither this process nor `pids` and their children used, to a hundredth or two.
 * @param {readonly number[]} pids
 */
export function watchForeign(pids) {
  const watched = [process.pid, ...pids.flatMap(withChildren)]
  const own = () => watched.reduce((sum, pid) => sum + ownSeconds(pid), 0)
  const busy = busySeconds()
  const ours = own()
  return () => Math.max(0, busySeconds() - busy - (own() - ours))
}
