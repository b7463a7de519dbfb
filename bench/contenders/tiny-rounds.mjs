// SPDX-License-Identifier: MIT
// Tiny chunks: v1 rounds into a file on tmpfs. Prints the median of a few saves as a line of JSON, in MiB/s.
import { closeSync, openSync, rmSync } from 'node:fs'
import { simulatedDevice } from '../../dist/simulated/index.js'
import { median } from '../support/statistics.mjs'

// The least that the simulated device stages is 12 KiB of region, which hold 8 KiB of data.
const tiny = await simulatedDevice({
  protocol: 'v1',
  state: 64 * 2 ** 20,
  seed: 7,
  data: 'trapped',
  chunk: 12288,
})
const rounds = await tiny.migration()
const path = `/dev/shm/vfio-migration-bench-tiny-${process.pid}`
const rates = []
for (let round = 0; round < 21; round++) {
  const fd = openSync(path, round === 0 ? 'w' : 'r+')
  const save = await rounds.save({ dataPath: 'trapped' })
  const start = performance.now()
  const { bytes } = await save.pipeTo(fd)
  if (round > 3) rates.push(bytes / 2 ** 20 / ((performance.now() - start) / 1000))
  await save.complete()
  await rounds.transition('running')
  closeSync(fd)
}
rmSync(path)
process.stdout.write(`${JSON.stringify({ name: 'tiny-rounds', value: median(rates) })}\n`)
await tiny.close()
