// SPDX-License-Identifier: MIT
// What Node offers by itself, from a file that holds as many bytes as the device: node plain-node.mjs --way calls|streams --bytes N --fd N
import { createReadStream, createWriteStream, openSync, read, rmSync, write, writeSync } from 'node:fs'
import { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { promisify } from 'node:util'
import { serveRounds, words } from './rounds.mjs'

const { text, number } = words()
const fd = number('fd', 1)
const bytes = number('bytes', 2 ** 30)
const CHUNK = 2 ** 20
const seekable = text('seekable', 'no') === 'yes'
const way = text('way', 'calls')

// Plain Node cannot read a VFIO device's data without blocking; a file in memory stands for it.
const path = `/dev/shm/vfio-migration-bench-plain-${process.pid}`
const source = openSync(path, 'w+')
rmSync(path)
for (let at = 0, filler = Buffer.alloc(CHUNK, 7); at < bytes; at += CHUNK)
  writeSync(source, filler, 0, Math.min(CHUNK, bytes - at), at)

const readFile = promisify(read)
const writeFile = promisify(write)

async function calls() {
  const buffer = Buffer.allocUnsafeSlow(CHUNK)
  let at = 0
  while (at < bytes) {
    const { bytesRead } = await readFile(source, buffer, 0, CHUNK, at)
    for (let done = 0; done < bytesRead; ) {
      const { bytesWritten } = await writeFile(
        fd,
        buffer,
        done,
        bytesRead - done,
        seekable ? at + done : null,
      )
      done += bytesWritten
    }
    at += bytesRead
  }
  return at
}

// A socket object makes the descriptor one that does not wait, which fs.write() cannot take.
const outgoing =
  way === 'streams' && text('socket', 'no') === 'yes' ? new Socket({ fd, readable: false }) : undefined

async function streams() {
  const from = createReadStream('', { fd: source, autoClose: false, start: 0, end: bytes - 1 })
  const to = outgoing ?? createWriteStream('', { fd, autoClose: false, ...(seekable ? { start: 0 } : {}) })
  await pipeline(from, to, { end: outgoing === undefined })
  return bytes
}

await serveRounds({ move: way === 'streams' ? streams : calls })
outgoing?.destroy()
