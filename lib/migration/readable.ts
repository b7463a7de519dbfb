// SPDX-License-Identifier: MIT
import type { Readable } from 'node:stream'
import type { Turn } from '../device/data-source.js'

export interface ReadableStart {
  readonly highWaterMark: number
  /** The next chunk, in memory of its own. */
  readonly next: () => Promise<Turn>
  /** Whether all data was read. */
  readonly ended: () => boolean
  /** Ends the save: for a stream that is destroyed before its end. */
  readonly close: () => Promise<void>
}

/** The chunks of a save as a Node stream. */
export function readableOf({ highWaterMark, next, ended, close }: ReadableStart): Readable {
  // Loaded by the first save that wants it: Node's streams take a tenth of the library's import.
  const { Readable: ReadableStream } = process.getBuiltinModule('node:stream')
  const stream = new ReadableStream({
    highWaterMark,
    read: () => {
      next().then(
        ({ progress, data }) => stream.push(progress === 'end' || data === null ? null : Buffer.from(data)),
        (error: Error) => stream.destroy(error),
      )
    },
    destroy: (error, callback) => {
      if (ended() && error === null) callback(null)
      else
        close().then(
          () => callback(error),
          (failure: Error) => callback(error ?? failure),
        )
    },
  })
  return stream
}
