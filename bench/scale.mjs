// SPDX-License-Identifier: MIT
// Many devices at once, states of every size, and the event loop meanwhile. In this process, over simulated devices.
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { median } from './support/statistics.mjs'

const program = fileURLToPath(new URL('contenders/crowd.mjs', import.meta.url))

/** One measurement in a process of its own, so that nothing is left over from the one before. */
function measure(...words) {
  const { status, stdout, stderr } = spawnSync(process.execPath, [program, ...words], { encoding: 'utf8' })
  if (status !== 0) throw new Error(stderr)
  return JSON.parse(stdout)
}

export function scale({ quick, wanted, say, signal }) {
  const some = (name) => wanted(`scale/${name}`) && !signal.aborted
  const result = {}
  if (some('devices')) {
    result.devices = (quick ? [1, 4, 16] : [1, 2, 4, 8, 16, 32, 64]).map((count) => {
      say(`scale: ${count} devices`)
      return { count, ...measure('pump', String(count), String(2 ** 30)) }
    })
  }
  if (some('lateness')) {
    say('scale: the event loop while four devices pump')
    // The 99th percentile of one process is that of a few hundred timers: one hiccup of the machine shifts it.
    const typical = (...words) => ({
      p99Ms: median(Array.from({ length: quick ? 1 : 5 }, () => measure(...words).p99Ms)),
    })
    result.lateness = { idle: typical('idle', '2'), pumping: typical('late', '4', '3') }
  }
  if (some('downtime')) {
    for (const [name, size] of [
      ['downtime', '0'],
      ['downtime16MiB', String(2 ** 24)],
    ]) {
      say(`scale: ${name}`)
      result[name] = measure('downtime', size, quick ? '3' : '7')
    }
  }
  // Last: giving back 8 GiB keeps the kernel busy for a while, and the event loop of whoever comes next late.
  if (some('size')) {
    const sizes = quick ? [20, 26, 30] : [20, 23, 26, 30, 33]
    result.sizes = [
      ...sizes.map((power) => ['v2', power, 0]),
      ...(quick
        ? []
        : [
            ['v1-mapped', 33, 24],
            ['v1-trapped', 33, 24],
          ]),
    ].map(([source, power, chunk]) => {
      say(`scale: ${source}, 2^${power} bytes`)
      return {
        source,
        bytes: 2 ** power,
        ...measure('size', source, String(2 ** power), String(2 ** (chunk || 20))),
      }
    })
  }
  return result
}
