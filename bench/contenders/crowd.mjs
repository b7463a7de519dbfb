// SPDX-License-Identifier: MIT
// Several simulated devices in one process; prints one line of JSON.
//   crowd.mjs pump COUNT BYTES | size SOURCE BYTES CHUNK | idle SECONDS | late COUNT SECONDS | downtime BYTES ROUNDS
import { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { receive, send } from '../../dist/index.js'
import { simulatedDevice } from '../../dist/simulated/index.js'
import { median, quantile } from '../support/statistics.mjs'

const GIB = 2 ** 30
const statusKiB = (name) =>
  Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(readFileSync('/proc/self/status', 'utf8'))[1])
const threads = () => readdirSync('/proc/self/task').length
const [what, ...rest] = process.argv.slice(2)
const sink = openSync('/dev/null', 'w')

const v2 = (state, more = {}) => simulatedDevice({ protocol: 'v2', state, seed: 7, ...more })

/** How late a 10 ms timer is, 99th percentile in milliseconds, until `done` settles. */
async function lateness(done) {
  const late = []
  let going = true
  done.finally(() => {
    going = false
  })
  while (going) {
    const due = performance.now() + 10
    await new Promise((resolve) => setTimeout(resolve, 10))
    late.push(Math.max(0, performance.now() - due))
  }
  return quantile(late, 0.99)
}

async function pumpOnce(devices) {
  const saves = await Promise.all(devices.map(async (device) => (await device.migration()).save()))
  const start = performance.now()
  const moved = await Promise.all(saves.map((save) => save.pipeTo(sink)))
  const seconds = (performance.now() - start) / 1000
  const busy = threads()
  await Promise.all(saves.map((save) => save.complete()))
  await Promise.all(devices.map(async (device) => (await device.migration()).transition('running')))
  return { bytes: moved.reduce((sum, { bytes }) => sum + bytes, 0), seconds, threads: busy }
}

const measurements = {
  async pump(count, bytes) {
    const before = { threads: threads(), resident: statusKiB('VmRSS') }
    const devices = await Promise.all(
      Array.from({ length: count }, () => v2(Math.floor(bytes / count / 4096) * 4096)),
    )
    await pumpOnce(devices)
    writeFileSync('/proc/self/clear_refs', '5')
    const rounds = []
    for (let round = 0; round < 5; round++) rounds.push(await pumpOnce(devices))
    const result = {
      gibPerSecond: median(rounds.map((round) => round.bytes / GIB / round.seconds)),
      threadsPerDevice: (rounds[0].threads - before.threads) / count,
      kibPerDevice: (statusKiB('VmHWM') - before.resident) / count,
    }
    await Promise.all(devices.map((device) => device.close()))
    return result
  },

  async size(source, bytes, chunk) {
    const data = source === 'v1-trapped' ? 'trapped' : 'mapped'
    const device =
      source === 'v2'
        ? await v2(bytes)
        : await simulatedDevice({ protocol: 'v1', state: bytes, seed: 7, data, chunk })
    const migration = await device.migration()
    const small = await v2(2 ** 20)
    await pumpOnce([small])
    await small.close()
    // The window of a simulated v1 device is memory of this process, and the device's all the same: it is there before.
    const first = await migration.save()
    for await (const _ of first) break
    await first.close()
    const save = await migration.save()
    writeFileSync('/proc/self/clear_refs', '5')
    const resident = statusKiB('VmRSS')
    const start = performance.now()
    const moved = await save.pipeTo(sink)
    const seconds = (performance.now() - start) / 1000
    const peakMib = (statusKiB('VmHWM') - resident) / 1024
    await save.complete()
    await device.close()
    return { secondsPerGib: (seconds / moved.bytes) * GIB, peakMib }
  },

  idle: async (seconds) => ({
    p99Ms: await lateness(new Promise((resolve) => setTimeout(resolve, seconds * 1000))),
  }),

  async late(count, seconds) {
    const devices = await Promise.all(Array.from({ length: count }, () => v2(GIB / 4)))
    const end = performance.now() + seconds * 1000
    const pumping = Promise.all(
      devices.map(async (device) => {
        while (performance.now() < end) await pumpOnce([device])
      }),
    )
    const p99Ms = await lateness(pumping)
    await pumping
    await Promise.all(devices.map((device) => device.close()))
    return { p99Ms }
  },

  async downtime(bytes, rounds) {
    const state = Math.max(bytes, 4096)
    const delays = [{ operation: 'set-state', argument: 'stop-copy', milliseconds: 50 }]
    const one = async (count) => {
      const sources = await Promise.all(Array.from({ length: count }, () => v2(state, { delays })))
      const destinations = await Promise.all(Array.from({ length: count }, () => v2(state)))
      const folder = mkdtempSync('/dev/shm/vfio-migration-bench-')
      try {
        let listening
        const ready = new Promise((resolve) => {
          listening = resolve
        })
        const listen = `unix:${folder}/socket`
        const receiving = receive(destinations, {
          listen,
          journal: `${folder}/destination`,
          onListening: listening,
        })
        const [report] = await Promise.all([
          ready.then((to) => send(sources, { to, journal: `${folder}/source`, preCopy: true })),
          receiving,
        ])
        return report.downtimeMs
      } finally {
        await Promise.all([...sources, ...destinations].map((device) => device.close()))
        rmSync(folder, { recursive: true, force: true })
      }
    }
    await one(1)
    const times = { 1: [], 8: [] }
    for (let round = 0; round < rounds; round++)
      for (const count of [1, 8]) times[count].push(await one(count))
    return { oneMs: median(times[1]), eightMs: median(times[8]), ratio: median(times[8]) / median(times[1]) }
  },
}

const numeric = rest.map((word) => (/^\d+$/.test(word) ? Number(word) : word))
process.stdout.write(`${JSON.stringify(await measurements[what](...numeric))}\n`)
closeSync(sink)
