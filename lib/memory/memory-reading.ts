// SPDX-License-Identifier: MIT
import type { DirtyRun } from '../device/dirty-bitmap.js'
import { hex } from '../device/iova.js'
import { VfioError } from '../errors/index.js'
import { type Frame, FrameReader } from '../stream/frame-reader.js'
import type { PlacedPart } from './dma-memory.js'
import { checkSameLayout, partsWithin } from './memory-layout.js'
import { decodeRecords, FRAME, type MemoryRecord, ZEROS } from './memory-records.js'

/** Memory on its way in. A frame is checked as a whole before any of it is written, and nothing is written outside of the parts. */
export class MemoryReading {
  readonly #parts: readonly PlacedPart[]
  readonly #ranges: readonly DirtyRun[]

  constructor(parts: readonly PlacedPart[], ranges: readonly DirtyRun[]) {
    this.#parts = parts
    this.#ranges = ranges
  }

  /** Resolves when the end record has proven that all of it came as it was sent. */
  async read(fd: number, signal: AbortSignal): Promise<void> {
    await using reader = FrameReader.open(fd, { signal, maxData: FRAME })
    await reader.readManifest()
    const begin = await reader.next()
    if (begin?.kind !== 'section-begin' || begin.description.memory === undefined)
      throw malformed('the stream does not begin with memory', begin)
    checkSameLayout(begin.description.memory, this.#ranges)
    const { section } = begin
    let written: Promise<void> = Promise.resolve()
    try {
      for (;;) {
        const data = await reader.readData(section)
        if (data === undefined) break
        const records = decodeRecords(data)
        for (const record of records) this.#check(record)
        // One frame is written while the next one comes, no more.
        await written
        written = this.#write(records)
        written.catch(() => {})
      }
      await written
    } finally {
      await written.catch(() => {})
    }
    const end = await reader.next()
    if (end?.kind !== 'section-end') throw malformed('something else comes where memory was', end)
    const more = await reader.next()
    if (more !== null) throw malformed('more than memory is in the stream', more)
  }

  #check({ iova, length }: MemoryRecord): void {
    let left = length
    for (const part of partsWithin({ iova, length }, this.#parts)) left -= part.length
    if (left === 0n) return
    throw new VfioError(
      'ERR_VFIO_MALFORMED',
      `${length} bytes of memory at ${hex(iova)} came, which is not all within what was announced`,
    )
  }

  async #write(records: readonly MemoryRecord[]): Promise<void> {
    const writes: Promise<void>[] = []
    for (const { iova, length, pages } of records) {
      for (const part of partsWithin({ iova, length }, this.#parts)) {
        const { buffer, offset, iova: begin } = part.range
        const at = offset + (part.iova - begin)
        if (pages !== undefined) {
          const from = Number(part.iova - iova)
          writes.push(buffer.write(at, pages.subarray(from, from + Number(part.length))))
        } else writes.push(clear(part.range, at, part.length))
      }
    }
    const ended = await Promise.allSettled(writes)
    for (const one of ended) if (one.status === 'rejected') throw one.reason
  }
}

async function clear({ buffer }: PlacedPart, from: bigint, length: bigint): Promise<void> {
  const piece = BigInt(ZEROS.length)
  for (let at = 0n; at < length; at += piece) {
    const left = length - at
    await buffer.write(from + at, left < piece ? ZEROS.subarray(0, Number(left)) : ZEROS)
  }
}

function malformed(what: string, frame: Frame | null): VfioError {
  return new VfioError('ERR_VFIO_MALFORMED', `${what}: ${frame === null ? 'its end' : frame.kind}`)
}
