// SPDX-License-Identifier: MIT
// Sends and receives memory of argv[2] bytes in this process, four rounds of all of it, and says what the process held besides at most.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { DmaBuffer, dmaMemory, openDevice, receive, send } from '../../../dist/index.js'

const size = Number(process.argv[2])
const folder = mkdtempSync(join(tmpdir(), 'vfm-memory-'))
const iova = 0x1000_0000n

async function side() {
  const device = await openDevice('sim:v2,state=1MiB')
  const buffer = await DmaBuffer.allocate(size)
  await (await device.addressSpace()).map(buffer, { iova })
  return { device, buffer, memory: dmaMemory([{ iova, buffer }]) }
}

const [here, there] = [await side(), await side()]
new Uint8Array(here.buffer.buffer).fill(1)
new Uint8Array(there.buffer.buffer).fill(2)
const memory = {
  ...Object.fromEntries(
    ['begin', 'pendingBytes', 'finish', 'close'].map((name) => [
      name,
      (...args) => here.memory[name](...args),
    ]),
  ),
  ranges: here.memory.ranges,
  async send(round) {
    const sent = await here.memory.send(round)
    if (round.round < 4) here.memory.touch(iova, size)
    return sent
  },
}
// Shared memory, which the buffers are, is counted apart.
let peak = 0
const sampling = setInterval(() => {
  const status = readFileSync('/proc/self/status', 'utf8')
  peak = Math.max(peak, Number(/^RssAnon:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024)
}, 5)
let listening
const ready = new Promise((resolve) => {
  listening = resolve
})
const received = receive([there.device], {
  listen: `unix:${join(folder, 'socket')}`,
  journal: join(folder, 'destination'),
  memory: there.memory,
  onListening: listening,
})
const to = await ready
const report = await send([here.device], {
  to,
  journal: join(folder, 'source'),
  preCopy: true,
  memory,
  memoryLimits: { stalledRounds: 9, downtime: 1 },
})
await received
clearInterval(sampling)
rmSync(folder, { recursive: true })
const equal = Buffer.compare(new Uint8Array(here.buffer.buffer), new Uint8Array(there.buffer.buffer)) === 0
console.log(JSON.stringify({ equal, peak, bytes: report.memory.bytes, ms: report.memory.totalMs }))
for (const { device, buffer } of [here, there]) {
  await device.close()
  await buffer.close()
}
