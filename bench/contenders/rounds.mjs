// SPDX-License-Identifier: MIT
// The worker's side of support/worker.mjs, for contenders in JavaScript.
import { readFileSync, writeFileSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { createInterface } from 'node:readline'

const statusKiB = (name) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? 0)

/**
 * Measures `move`, which answers with how many bytes it moved, once for each line `round` on standard input; `before` and `after` are not
 * measured. `seconds` and `cpuSeconds` are those of `move`; `latenessMs` is the 99th percentile of a 10 ms timer's.
 */
export async function serveRounds({ before = async () => {}, move, after = async () => {} }) {
  process.stdout.write('ready\n')
  for await (const line of createInterface({ input: process.stdin })) {
    if (line !== 'round') throw new Error(`unexpected line ${line}`)
    await before()
    writeFileSync('/proc/self/clear_refs', '5')
    const resident = statusKiB('VmRSS')
    const delay = monitorEventLoopDelay({ resolution: 10 })
    delay.enable()
    const cpu = process.cpuUsage()
    const start = process.hrtime.bigint()
    const bytes = await move()
    const seconds = Number(process.hrtime.bigint() - start) / 1e9
    const { user, system } = process.cpuUsage(cpu)
    delay.disable()
    const peakKiB = Math.max(0, statusKiB('VmHWM') - resident)
    await after()
    const latenessMs = Math.max(0, delay.percentile(99) / 1e6 - 10)
    const result = { bytes, seconds, cpuSeconds: (user + system) / 1e6, peakKiB, latenessMs }
    process.stdout.write(`${JSON.stringify(result)}\n`)
  }
}

/** The command line of a contender: `--name value` words. */
export function words(argv = process.argv.slice(2)) {
  const values = new Map()
  for (let at = 0; at < argv.length; at += 2) values.set(argv[at].replace(/^--/, ''), argv[at + 1])
  return {
    text: (name, otherwise) => values.get(name) ?? otherwise,
    number: (name, otherwise) => (values.has(name) ? Number(values.get(name)) : otherwise),
  }
}
