#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// npm run bench:kernel: the data path over real VFIO devices, in the test machine. The processor there is emulated in software: what takes
// long is not what takes long on hardware, so ratios are printed and nothing is aimed at. Ends with 0 whatever the figures.
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { buildPrograms } from '../support/programs.mjs'
import { dataPathRows, forTerminal, machineLine, verdictRows } from '../support/tables.mjs'
import { ratios } from '../targets.mjs'

const path = (name) => fileURLToPath(new URL(name, import.meta.url))
const options = new Command('npm run bench:kernel --')
  .description('Measures the library beside C and plain Node over devices of the project’s kernel module.')
  .option('--bytes <n>', 'of device state', String(2 ** 24))
  .option('--rounds <n>', 'rounds of each contender', '7')
  .option('--only <words>', 'comma-separated beginnings of what to measure: v2, v1-mapped/unix', '')
  .option('--timeout <seconds>', 'after which the machine is killed', '3600')
  .option('--json', 'the results on standard output instead of tables')
  .option('--out <folder>', 'where results-kernel.json goes', path('..'))
  .addHelpText(
    'after',
    `
Examples:
  npm run bench:kernel                                 all of it
  npm run bench:kernel -- --only v2/null --rounds 3    one row, to see that it works
The kernel is built once, in some ten minutes; test/vm/README.md says what the machine needs.`,
  )
  .parse()
  .opts()

const out = resolve(options.out)
const file = join(out, 'results-kernel.json')
const say = (text) => process.stderr.write(`bench: ${text}\n`)

function measure() {
  say('the contenders in C')
  buildPrograms()
  mkdirSync(out, { recursive: true })
  rmSync(file, { force: true })
  const machine = [
    '--timeout',
    options.timeout,
    '--memory',
    '4G',
    '--append',
    'intel_iommu=on',
    '--writable',
    out,
  ]
  const guest = ['node', path('guest.mjs'), out, options.bytes, options.rounds, options.only]
  const { status, error } = spawnSync(
    process.execPath,
    [path('../../test/vm/run.mjs'), ...machine, '--', ...guest],
    {
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  if (error) throw error
  if (!existsSync(file)) throw new Error(`the test machine ended with ${status} and left no results`)
  if (status !== 0) say(`the test machine ended with ${status}, after the results were written`)
  return JSON.parse(readFileSync(file, 'utf8'))
}

try {
  const results = measure()
  if (options.json) process.stdout.write(`${JSON.stringify(results, null, 1)}\n`)
  else {
    console.log(`${machineLine(results.machine)}; emulated`)
    console.log(forTerminal(dataPathRows(results.dataPath)))
    console.log(forTerminal(verdictRows(ratios(results.dataPath))))
    console.log(
      'Emulated: the target beside each figure is that of a host, for comparison, and no verdict is passed.',
    )
  }
} catch (error) {
  say(`not measured: ${error.message}`)
}
