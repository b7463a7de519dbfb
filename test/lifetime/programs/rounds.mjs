// Whole migrations one after the other; prints what is open in the process after the first and after the last.
import { readdirSync, readFileSync } from 'node:fs'
import { migrate, openDevice } from '../../../dist/index.js'

const rounds = Number(process.argv[2])

async function round(protocol) {
  const source = await openDevice(`sim:${protocol},state=64KiB,seed=1`)
  const target = await openDevice(`sim:${protocol},state=64KiB`)
  await migrate(source, target)
  await source.reset()
  const abandoned = await (await source.migration()).save()
  await abandoned.close()
  if (protocol === 'v1') {
    const region = await target.region(9)
    const mapping = await region.map(region.info.mappable[0].offset, region.info.mappable[0].size)
    if (mapping.buffer.byteLength === 0) throw new Error('nothing is mapped')
  }
  await source.close()
  await target.close()
}

async function settled() {
  for (let turn = 0; turn < 20; turn++) await new Promise((resolve) => setTimeout(resolve, 10))
  globalThis.gc()
  await new Promise((resolve) => setTimeout(resolve, 50))
  return {
    descriptors: readdirSync('/proc/self/fd').length,
    threads: readdirSync('/proc/self/task').length,
    mappings: readFileSync('/proc/self/maps', 'utf8')
      .split('\n')
      .filter((line) => /memfd|deleted/.test(line)).length,
  }
}

for (let n = 0; n < 3; n++) for (const protocol of ['v1', 'v2']) await round(protocol)
const before = await settled()
for (let n = 0; n < rounds; n++) for (const protocol of ['v1', 'v2']) await round(protocol)
console.log(JSON.stringify({ before, after: await settled() }))
