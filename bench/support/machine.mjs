// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { cpus, release, totalmem } from 'node:os'

/** What the figures are of. */
export function machine() {
  const git = spawnSync('git', ['rev-parse', '--short', 'HEAD'], { encoding: 'utf8' })
  const [first] = cpus()
  return {
    processor: first?.model.trim() ?? 'unknown',
    processors: cpus().length,
    memoryGib: Math.round(totalmem() / 2 ** 30),
    kernel: release(),
    node: process.version,
    commit: git.status === 0 ? git.stdout.trim() : 'unknown',
    date: new Date().toISOString().slice(0, 10),
  }
}
