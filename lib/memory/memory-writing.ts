// SPDX-License-Identifier: MIT
import type { DirtyRun } from '../device/dirty-bitmap.js'
import { packageVersion } from '../package-version.js'
import { FrameWriter } from '../stream/frame-writer.js'
import { memorySection } from '../stream/section.js'
import type { PlacedPart } from './dma-memory.js'
import { partsWithin } from './memory-layout.js'
import type { MemoryOutput, MemorySent } from './memory-owner.js'
import { RecordFrame } from './memory-records.js'

const SECTION = 1

/**
 * Memory on its way out. Pages are copied once, into one of two frames, while the other is on its way: what is checked and sent must stay the
 * same, and devices go on writing into the memory itself.
 */
export class MemoryWriting {
  readonly #output: MemoryOutput
  readonly #writer: FrameWriter
  readonly #parts: readonly PlacedPart[]
  #filling = new RecordFrame()
  #sending = new RecordFrame()
  #reads: Promise<void>[] = []
  #sent: Promise<void> = Promise.resolve()
  #bytes = 0
  #before = 0

  constructor(output: MemoryOutput, parts: readonly PlacedPart[]) {
    this.#output = output
    this.#writer = FrameWriter.open(output.fd, { signal: output.signal })
    this.#parts = parts
  }

  async begin(ranges: readonly DirtyRun[]): Promise<void> {
    await this.#writer.writeManifest({
      devices: [...this.#output.devices],
      producer: `vfio-migration ${packageVersion()}`,
    })
    await this.#writer.beginSection(SECTION, memorySection(ranges))
    this.#before = this.#writer.totals.bytes
  }

  /** Takes a run of pages into frames. They are copied by the time it resolves, or soon after; {@link flush} sends the rest. */
  async write(run: DirtyRun): Promise<void> {
    for (const part of partsWithin(run, this.#parts)) {
      const { buffer, offset, iova: begin } = part.range
      let { iova, length } = part
      while (length > 0n) {
        const room = this.#filling.add(iova, length)
        if (room === undefined) {
          await this.#swap()
          continue
        }
        this.#reads.push(buffer.readInto(offset + (iova - begin), room.room))
        const took = BigInt(room.room.byteLength)
        iova += took
        length -= took
      }
    }
  }

  /** Everything so far is with the connection. @returns what went since the last time */
  async flush(): Promise<MemorySent> {
    await this.#swap()
    await this.#sent
    const { bytes: total } = this.#writer.totals
    const sent = { bytes: this.#bytes, wireBytes: total - this.#before }
    this.#bytes = 0
    this.#before = total
    return sent
  }

  async #swap(): Promise<void> {
    const frame = this.#filling
    const ended = await Promise.allSettled([...this.#reads.splice(0), this.#sent])
    for (const one of ended) if (one.status === 'rejected') throw one.reason
    if (frame.empty) return
    const payload = frame.payload()
    this.#bytes += frame.memoryBytes
    this.#filling = this.#sending
    this.#filling.clear()
    this.#sending = frame
    this.#sent = this.#writer.writeData(SECTION, payload, this.#output.rateLimit)
    // Whoever comes next waits for it.
    this.#sent.catch(() => {})
  }

  async finish(): Promise<void> {
    await this.flush()
    await this.#writer.endSection(SECTION)
    await this.#writer.finish()
  }

  async close(): Promise<void> {
    await this.#writer.close()
    await Promise.allSettled([...this.#reads.splice(0), this.#sent])
  }
}
