// SPDX-License-Identifier: MIT
import { type ConnectOpts, Socket, type SocketConstructorOpts } from 'node:net'
import type { Writable } from 'node:stream'

/** Large enough for the turns of the event loop to be few, small enough for what was read to be in the cache when it is written. */
const BUFFER = 512 * 1024
/** One that is written, one that waits for its turn, one that is read into. */
const BUFFERS = 3

/**
 * Carries what a stream socket receives into `to`, through a few buffers that are used again: nothing is allocated for each read, and no
 * more is read while all of them are being written. Ends `to` with the socket's end; errors of `to` are the caller's to see.
 * @param fd taken over
 */
export function relaySocket(fd: number, to: Writable): Socket {
  const free = Array.from({ length: BUFFERS }, () => new Uint8Array(BUFFER))
  const next = (): Uint8Array<ArrayBuffer> => {
    const buffer = free.pop()
    if (buffer === undefined) throw new Error('the relay reads without a buffer')
    return buffer
  }
  let reading = next()
  let paused = false
  // The constructor takes what connect() does; its type does not say so.
  const options: SocketConstructorOpts & ConnectOpts = {
    fd,
    readable: true,
    writable: true,
    onread: {
      // Asked for at the start, and after each callback also where that said to pause.
      buffer: () => reading,
      callback(bytes) {
        const buffer = reading
        to.write(buffer.subarray(0, bytes), (error) => {
          if (error) return
          free.push(buffer)
          if (!paused) return
          paused = false
          socket.resume()
        })
        reading = next()
        paused = free.length === 0
        return !paused
      },
    },
  }
  const socket = new Socket(options)
  socket.once('end', () => to.end())
  return socket
}
