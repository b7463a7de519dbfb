// SPDX-License-Identifier: MIT
// What single calls of the library cost, median nanoseconds, a line of JSON each.
import { simulatedDevice } from '../../dist/simulated/index.js'
import { median } from '../support/statistics.mjs'

const print = (name, value) => process.stdout.write(`${JSON.stringify({ name, value })}\n`)

async function perCall(call, count = 3000) {
  for (let warm = 0; warm < 500; warm++) await call()
  const each = []
  for (let done = 0; done < count; done++) {
    const start = process.hrtime.bigint()
    await call()
    each.push(Number(process.hrtime.bigint() - start))
  }
  return median(each)
}

const device = await simulatedDevice({ protocol: 'v2', state: 4096 })
const migration = await device.migration()
const region = await device.region(0)
print('state-read', await perCall(() => migration.state()))
print('register-read', await perCall(() => region.readRegister(0x10, 4)))
let stopped = false
print(
  'transition',
  await perCall(() => {
    stopped = !stopped
    return migration.transition(stopped ? 'stop' : 'running')
  }, 1000),
)
await device.close()

// One turn of the iterator, which is one hop and one read of the smallest chunk there is.
const CHUNK = 65536
const paged = await simulatedDevice({ protocol: 'v2', state: 2000 * CHUNK, seed: 7 })
const pages = await paged.migration()
const turns = await pages.save({ bufferSize: CHUNK })
const iterator = turns[Symbol.asyncIterator]()
print('iterator-turn', await perCall(() => iterator.next(), 1400))
await turns.close()
await paged.close()
