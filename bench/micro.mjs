// SPDX-License-Identifier: MIT
// Single operations, beside what they cost in C: the start of the library and of the command, a state read, a register, a transition.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { programs } from './support/programs.mjs'
import { median } from './support/statistics.mjs'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const index = path('../dist/index.js')
const command = path('../dist/cli/main.js')
const calls = path('contenders/calls.mjs')
const tinyRounds = path('contenders/tiny-rounds.mjs')

function milliseconds(words) {
  const start = performance.now()
  const { status, stderr } = spawnSync(process.execPath, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return performance.now() - start
}

/** Medians in milliseconds of whole processes, and of the import as the process itself sees it. */
function startUp(rounds) {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-migration-bench-'))
  try {
    const empty = join(folder, 'empty.mjs')
    const library = join(folder, 'library.mjs')
    writeFileSync(empty, '')
    writeFileSync(library, `import ${JSON.stringify(index)}\n`)
    const addon = join(folder, 'addon.cjs')
    writeFileSync(addon, `require(${JSON.stringify(path('../build/Release/vfio_migration.node'))})\n`)
    const times = { empty: [], library: [], version: [], bareScript: [], addon: [] }
    const bare = join(folder, 'empty.cjs')
    writeFileSync(bare, '')
    for (let round = 0; round < rounds; round++) {
      times.empty.push(milliseconds([empty]))
      times.library.push(milliseconds([library]))
      times.version.push(milliseconds([command, '--version']))
      times.bareScript.push(milliseconds([bare]))
      times.addon.push(milliseconds([addon]))
    }
    // Of each round by itself: the machine is now faster and now slower, and so for both.
    const above = (name, base) => median(times[name].map((time, round) => time - times[base][round]))
    return {
      emptyMs: median(times.empty),
      importMs: above('library', 'empty'),
      versionMs: median(times.version),
      versionAboveEmptyMs: above('version', 'empty'),
      addonMs: above('addon', 'bareScript'),
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

const jsonLines = (text) =>
  text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line))

/** What a program prints, by name. */
function printed([program, ...words]) {
  const { status, stdout, stderr, error } = spawnSync(program, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(error?.message ?? stderr)
  return Object.fromEntries(jsonLines(stdout).map(({ name, value }) => [name, value]))
}

/** Nanoseconds by name; `oneCore`: the whole process on processor 0. */
function operations(oneCore) {
  const pinned = (words) => (oneCore ? ['taskset', '-c', '0', ...words] : words)
  return { c: printed(pinned([programs.micro])), ours: printed(pinned([process.execPath, calls])) }
}

/** MiB/s. Which pages a process gets makes more of a difference than who wrote the program: medians of several processes, in turn. */
function tiny(rounds) {
  const rates = { c: [], ours: [] }
  for (let round = 0; round < rounds; round++) {
    rates.c.push(printed([programs.micro, '--only', 'tiny-rounds'])['tiny-rounds'])
    rates.ours.push(printed([process.execPath, tinyRounds])['tiny-rounds'])
  }
  return { c: median(rates.c), ours: median(rates.ours) }
}

export function micro({ rounds, wanted, say, signal }) {
  if (!wanted('micro') || signal.aborted) return undefined
  say('micro')
  return {
    startUp: startUp(Math.max(31, rounds)),
    free: operations(false),
    oneCore: operations(true),
    tiny: tiny(Math.max(9, rounds)),
  }
}
