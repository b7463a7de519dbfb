// SPDX-License-Identifier: MIT
// The host's end of a virtio-serial port: a UNIX socket that QEMU connects to.
import { createServer } from 'node:net'

/** Listens on `path` and hands every chunk to `onData`. */
export async function listen(path, onData) {
  const server = createServer((socket) => {
    socket.on('data', onData)
    socket.on('error', () => {}) // QEMU was killed: its exit is reported elsewhere
  })
  await new Promise((done, fail) => server.once('error', fail).listen(path, done))
  return server
}

/**
 * A sink for a stream that ends with `end`: passes everything before it on to `write` as it comes, holding back only what may be the
 * beginning of `end`. `done` says whether `end` was seen.
 */
export function untilToken(end, write) {
  let held = Buffer.alloc(0)
  const sink = (chunk) => {
    if (sink.done) return
    const data = Buffer.concat([held, chunk])
    const at = data.indexOf(end)
    sink.done = at >= 0
    let pass = sink.done ? at : data.length
    if (!sink.done) {
      const least = Math.max(0, data.length - end.length + 1)
      for (let from = least; from < data.length; from++) {
        if (end.subarray(0, data.length - from).equals(data.subarray(from))) {
          pass = from
          break
        }
      }
    }
    held = data.subarray(pass)
    if (pass > 0) write(data.subarray(0, pass))
  }
  sink.done = false
  return sink
}
