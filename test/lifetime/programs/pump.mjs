// Saves one device to /dev/null and reports the lateness of a 10 ms timer meanwhile; then waits to be measured.
import { openSync } from 'node:fs'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { openDevice } from '../../../dist/index.js'

const [, , spec] = process.argv
const device = await openDevice(spec)
const migration = await device.migration()
const sink = openSync('/dev/null', 'w')

const lateness = monitorEventLoopDelay({ resolution: 10 })
lateness.enable()
const saving = await migration.save()
const begun = performance.now()
const moved = await saving.pipeTo(sink)
const ms = performance.now() - begun
await saving.complete()
lateness.disable()
// The histogram holds intervals between ticks: what is above the 10 ms asked for is lateness.
const p99 = Math.max(0, lateness.percentile(99) / 1e6 - 10)
console.log(JSON.stringify({ moved, ms, p99LatenessMs: p99 }))
process.stdin.resume()
process.stdin.on('end', () => process.exit(0))
