#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// npm run bench: everything that is measured on a host. Ends with 0 whatever the figures: a benchmark is no test.
import { mkdirSync, writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Command } from 'commander'
import { dataPath, tls } from './data-path.mjs'
import { micro } from './micro.mjs'
import { scale } from './scale.mjs'
import { machine } from './support/machine.mjs'
import { buildPrograms } from './support/programs.mjs'
import {
  dataPathRows,
  forTerminal,
  machineLine,
  microRows,
  scaleRows,
  tlsRows,
  verdictRows,
} from './support/tables.mjs'
import { verdicts } from './targets.mjs'

const here = fileURLToPath(new URL('.', import.meta.url))
const started = performance.now()
const say = (text) =>
  process.stderr.write(`bench: ${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}\n`)

const command = new Command('npm run bench --')
  .description('Measures the library beside C and plain Node, on simulated devices of this host.')
  .option('--quick', '256 MiB and few rounds: a look, not a result')
  .option(
    '--only <words>',
    'comma-separated beginnings of what to measure: v2, v1-mapped/unix, tls, micro, scale/size',
  )
  .option('--rounds <n>', 'rounds of each contender; sockets get 3.6 times as many', Number)
  .option('--bytes <n>', 'of device state', Number)
  .option('--json', 'the results on standard output instead of tables')
  .option('--out <folder>', 'where results.json goes', here)
  .addHelpText(
    'after',
    `
Examples:
  npm run bench                              all of it, some 30 minutes on a machine with nothing else to do
  npm run bench -- --quick --only v2/tmpfs   one row, to see a change
  npm run bench -- --only scale,micro --json
  node bench/report.mjs                      puts bench/results.json into the README`,
  )
  .parse()
const options = command.opts()

const interrupted = new AbortController()
process.once('SIGINT', () => {
  say('interrupted: what was measured is written')
  interrupted.abort()
})

const chosen = options.only?.split(',')
const wanted = (name) =>
  chosen === undefined || chosen.some((part) => name.startsWith(part) || part.startsWith(`${name}/`))
const common = {
  wanted,
  say,
  signal: interrupted.signal,
  bytes: options.bytes ?? (options.quick ? 2 ** 28 : 2 ** 30),
  rounds: options.rounds ?? (options.quick ? 3 : 7),
  quick: options.quick ?? false,
}

const results = { machine: machine(), bytes: common.bytes, quick: common.quick }
const part = async (name, work) => {
  try {
    results[name] = await work()
  } catch (error) {
    results.failed = { ...results.failed, [name]: error.message }
    say(`${name} was not measured: ${error.message}`)
  }
  results.targets = verdicts(results)
  mkdirSync(resolve(options.out), { recursive: true })
  writeFileSync(join(resolve(options.out), 'results.json'), `${JSON.stringify(results, null, 1)}\n`)
}

try {
  say('the contenders in C')
  buildPrograms()
} catch (error) {
  say(`the contenders in C were not built, and are not measured: ${error.message}`)
}
await part('dataPath', () => dataPath(common))
await part('tls', () => tls(common))
await part('micro', () => micro(common))
await part('scale', () => scale(common))

if (options.json) process.stdout.write(`${JSON.stringify(results, null, 1)}\n`)
else {
  console.log(machineLine(results.machine))
  for (const rows of [
    dataPathRows(results.dataPath ?? []),
    tlsRows(results.tls),
    microRows(results.micro),
    scaleRows(results.scale),
    verdictRows(results.targets),
  ])
    if (rows.body.length > 0) console.log(forTerminal(rows))
}
