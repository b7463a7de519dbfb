// SPDX-License-Identifier: MIT
// Inside the test machine: node bench/kernel/guest.mjs OUT BYTES ROUNDS [WORDS]. Writes OUT/results-kernel.json.
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { dataPath } from '../data-path.mjs'
import { machine } from '../support/machine.mjs'
import { makeDevices } from './devices.mjs'

const [out, bytes, rounds, words = ''] = process.argv.slice(2)
const chosen = words === '' ? undefined : words.split(',')
const started = performance.now()

const rows = await dataPath({
  bytes: Number(bytes),
  rounds: Number(rounds),
  socketRounds: Number(rounds),
  devices: makeDevices(Number(bytes)),
  wanted: (name) => chosen?.some((part) => name.startsWith(part)) ?? true,
  say: (text) =>
    process.stderr.write(
      `bench: ${((performance.now() - started) / 1000).toFixed(0).padStart(4)} s  ${text}\n`,
    ),
  signal: new AbortController().signal,
})
writeFileSync(
  join(out, 'results-kernel.json'),
  `${JSON.stringify({ machine: { ...machine(), emulated: true }, bytes: Number(bytes), dataPath: rows }, null, 1)}\n`,
)
