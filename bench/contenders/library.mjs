// SPDX-License-Identifier: MIT
// The library itself: node library.mjs --way pipe|save|save-strong|iterator|takeover --source v1-mapped|v1-trapped|v2 --bytes N --fd N
//                     [--device-chunk N] [--device SPEC]
import { closeSync, openSync, write } from 'node:fs'
import { promisify } from 'node:util'
import { ChunkWriter, openDevice, saveToStream } from '../../dist/index.js'
import { simulatedDevice } from '../../dist/simulated/index.js'
import { serveRounds, words } from './rounds.mjs'

const { text, number } = words()
let fd = number('fd', 1)
const way = text('way', 'pipe')
const kind = text('source', 'v2')
const writeFile = promisify(write)

function simulated() {
  const state = number('bytes', 2 ** 30)
  if (kind === 'v2') return simulatedDevice({ protocol: 'v2', state, seed: 7 })
  const data = kind === 'v1-mapped' ? 'mapped' : 'trapped'
  return simulatedDevice({ protocol: 'v1', state, seed: 7, data, chunk: number('device-chunk', 2 ** 20) })
}

const spec = text('device')
const device = spec === undefined ? await simulated() : await openDevice(spec)
const migration = await device.migration()
const dataPath = kind === 'v1-trapped' ? 'trapped' : 'auto'
// A file is written over in each round: Node has no lseek(), but a file opened anew begins at its beginning.
const seekable = text('seekable', 'no') === 'yes'
const inherited = fd
let position = 0
let save

/** Each moves the whole data of `save`, and answers with its bytes. */
const ways = {
  pipe: async () => (await save.pipeTo(fd)).bytes,
  iterator: async () => {
    position = 0
    let bytes = 0
    for await (const { data } of save) {
      for (let at = 0; at < data.length; ) {
        const { bytesWritten } = await writeFile(fd, data, at, data.length - at, seekable ? position : null)
        at += bytesWritten
        position += bytesWritten
      }
      bytes += data.length
    }
    return bytes
  },
  takeover: async () => {
    const writer = ChunkWriter.over(fd)
    for await (const chunk of save) await writer.write(chunk)
    await writer.flush()
    const { bytes } = writer.written
    await writer.close()
    return bytes
  },
  save: async () => (await saveToStream(device, fd, { dataPath, wiring: false })).bytes,
  'save-strong': async () =>
    (await saveToStream(device, fd, { dataPath, strong: true, wiring: false })).bytes,
}
const framed = way.startsWith('save')

await serveRounds({
  before: async () => {
    if (seekable) fd = openSync(`/proc/self/fd/${inherited}`, 'r+')
    if (!framed) save = await migration.save({ dataPath })
  },
  move: ways[way],
  after: async () => {
    if (!framed) await save.complete()
    await migration.transition('running')
    if (seekable) closeSync(fd)
  },
})
await device.close()
