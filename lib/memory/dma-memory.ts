// SPDX-License-Identifier: MIT
import { DirtyBitmap, type DirtyRun } from '../device/dirty-bitmap.js'
import type { DmaBuffer } from '../device/dma-buffer.js'
import { hex, toBytes } from '../device/iova.js'
import { VfioError } from '../errors/index.js'
import { checkRanges, joined, PAGE, partsWithin } from './memory-layout.js'
import type { DirtyRound, MemoryOutput, MemoryOwner, MemoryReceiver, MemorySent } from './memory-owner.js'
import { MemoryReading } from './memory-reading.js'
import { MemoryWriting } from './memory-writing.js'

/** A buffer, or a part of one, where devices see it. */
export interface MemoryPart {
  readonly iova: bigint
  readonly buffer: DmaBuffer
  /** In bytes, whole pages. Default 0. */
  readonly offset?: number | bigint
  /** In bytes, whole pages. Default: to the end of the buffer. */
  readonly length?: number | bigint
}

/** A part with everything said. */
export interface PlacedPart extends DirtyRun {
  readonly buffer: DmaBuffer
  readonly offset: bigint
}

/**
 * Memory in {@link DmaBuffer}s, to be moved with the devices that write it: the option `memory` of `send` at the source, of `receive` at the
 * destination, which has the same addresses, in buffers divided up in whichever way. One migration at a time.
 *
 * The buffers are borrowed: they stay open and where they are, and mapped for the devices, until the migration is over. At the
 * destination they are overwritten, and hold anything after a migration that failed.
 */
export class DmaMemory implements MemoryOwner, MemoryReceiver {
  readonly ranges: readonly DirtyRun[]
  readonly #parts: readonly PlacedPart[]
  readonly #touched: readonly DirtyBitmap[]
  #writing: MemoryWriting | undefined
  #receiving = false

  /** @internal From {@link dmaMemory}. */
  constructor(parts: readonly PlacedPart[]) {
    this.#parts = parts
    this.ranges = joined(parts)
    this.#touched = this.ranges.map(({ iova, length }) => DirtyBitmap.create(iova, length, PAGE))
  }

  /**
   * What this process has written itself, which no tracking sees: it is sent again. To be told after the bytes were written, and for the last
   * time before the devices stop. What was written before the migration began is sent anyway.
   * @throws {RangeError} not within the ranges
   */
  touch(iova: bigint, length: number | bigint): void {
    const bytes = toBytes('length', length)
    let left = bytes
    for (const part of partsWithin({ iova: toBytes('iova', iova), length: bytes }, this.#touched)) {
      part.range.mark(part.iova, part.length)
      left -= part.length
    }
    if (left > 0n) throw new RangeError(`${bytes} bytes at ${hex(iova)} are not all of this memory`)
  }

  async begin(output: MemoryOutput): Promise<void> {
    this.#checkFree()
    this.#writing = new MemoryWriting(output, this.#parts)
    await this.#writing.begin(this.ranges)
  }

  pendingBytes(): number {
    return this.#touched.reduce((sum, bitmap) => sum + Number(bitmap.dirtyBytes), 0)
  }

  async send(round: DirtyRound): Promise<MemorySent> {
    const writing = this.#open()
    for (const run of round.runs) await writing.write(run)
    for (const bitmap of this.#touched) {
      // Forgotten before it is read: what is touched from here on is sent again.
      const runs = [...bitmap.runs()]
      bitmap.clear()
      for (const run of runs) await writing.write(run)
    }
    return writing.flush()
  }

  async finish(): Promise<void> {
    await this.#open().finish()
  }

  async close(): Promise<void> {
    const writing = this.#writing
    this.#writing = undefined
    await writing?.close()
  }

  async receive(fd: number, signal: AbortSignal): Promise<void> {
    this.#checkFree()
    const fixed = this.#parts.find(({ buffer }) => !buffer.writable)
    if (fixed !== undefined) {
      throw new VfioError(
        'ERR_VFIO_INCOMPATIBLE',
        `the memory at ${hex(fixed.iova)} can only be read: nothing can be received into it`,
      )
    }
    this.#receiving = true
    try {
      await new MemoryReading(this.#parts, this.ranges).read(fd, signal)
    } finally {
      this.#receiving = false
    }
  }

  #open(): MemoryWriting {
    if (this.#writing === undefined) throw new VfioError('ERR_VFIO_CLOSED', 'this memory is not being sent')
    return this.#writing
  }

  #checkFree(): void {
    if (this.#writing !== undefined || this.#receiving)
      throw new VfioError('ERR_VFIO_BUSY', 'this memory is being sent or received')
  }
}

/**
 * Memory that moves with its devices.
 * @param parts in any order
 * @throws {RangeError} parts that are not whole pages of 4096 bytes, that overlap, or that go beyond their buffer
 * @throws {VfioError} `ERR_VFIO_CLOSED`: a buffer is closed
 */
export function dmaMemory(parts: readonly MemoryPart[]): DmaMemory {
  const placed = parts.map(placePart).sort((one, other) => (one.iova < other.iova ? -1 : 1))
  checkRanges(placed)
  return new DmaMemory(placed)
}

function placePart({ iova, buffer, ...part }: MemoryPart): PlacedPart {
  if (buffer.closed) throw new VfioError('ERR_VFIO_CLOSED', 'the DMA buffer is closed')
  const offset = toBytes('offset', part.offset ?? 0)
  const length = toBytes('length', part.length ?? buffer.size - offset)
  if (offset % PAGE !== 0n || offset + length > buffer.size)
    throw new RangeError(`${length} bytes at ${offset} are no whole pages of a buffer of ${buffer.size}`)
  return { iova: toBytes('iova', iova), buffer, offset, length }
}
