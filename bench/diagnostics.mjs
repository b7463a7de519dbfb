// SPDX-License-Identifier: MIT
// What the diagnostics channels cost: calls to simulated devices while nobody listens, and while a flight recorder does. Medians of several
// rounds that alternate, so that a slow moment of the machine strikes both alike.
//
//   node bench/diagnostics.mjs [DIST]      DIST: another build of the package, to compare with; it may have no recorder

import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { median } from './support/statistics.mjs'

const dist = pathToFileURL(resolve(process.argv[2] ?? new URL('../dist', import.meta.url).pathname)).href
const { FlightRecorder } = await import(`${dist}/index.js`)
const { simulatedDevice } = await import(`${dist}/simulated/index.js`)

const ROUNDS = 15
const CALLS = 4000

async function perCall(call, calls = CALLS) {
  const start = process.hrtime.bigint()
  for (let count = 0; count < calls; count++) await call()
  return Number(process.hrtime.bigint() - start) / calls
}

/** @param measure answers with a number; `watch` are the devices that a recorder watches in the rounds with one */
async function compare(what, unit, watch, measure) {
  const results = { quiet: [], recorded: [] }
  await measure()
  for (let round = 0; round < ROUNDS; round++) {
    results.quiet.push(await measure())
    if (FlightRecorder === undefined) continue
    const recorder = new FlightRecorder()
    const watching = watch.map((device) => recorder.watch(device))
    results.recorded.push(await measure())
    for (const one of watching) one[Symbol.dispose]()
  }
  const quiet = median(results.quiet)
  const recorded = results.recorded.length > 0 ? median(results.recorded) : undefined
  const text = recorded === undefined ? 'no recorder' : `${recorded.toFixed(1)} recorded`
  console.log(`${what.padEnd(34)} ${quiet.toFixed(1).padStart(10)} ${unit} while nobody listens, ${text}`)
}

{
  const device = await simulatedDevice({ protocol: 'v2', state: 4096 })
  const region = await device.region(0)
  await compare('state read (feature GET)', 'ns/call', [device], () => perCall(() => device.migrationState()))
  await compare('register read', 'ns/call', [device], () => perCall(() => region.readRegister(0x10, 4)))
  await device.close()
}

for (const [protocol, options] of [
  ['v2', {}],
  ['v1', { chunk: 16_384 }],
]) {
  const state = 64 * 2 ** 20
  const source = await simulatedDevice({ protocol, state, seed: 1, ...options })
  const destination = await simulatedDevice({ protocol, state, ...options })
  await compare(`${protocol} pump, device to device`, 'MiB/s  ', [source, destination], async () => {
    await source.reset()
    await destination.reset()
    const loading = await (await destination.migration()).load()
    const saving = await (await source.migration()).save()
    const start = performance.now()
    await saving.pipeInto(loading)
    const seconds = (performance.now() - start) / 1000
    await loading.close()
    await saving.close()
    return state / 2 ** 20 / seconds
  })
  await source.close()
  await destination.close()
}
