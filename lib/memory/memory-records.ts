// SPDX-License-Identifier: MIT
// The content of a memory section (docs/stream-format.md): data frames of records, each a stretch of memory.
import { hex, LAST_IOVA } from '../device/iova.js'
import { VfioError } from '../errors/index.js'
import { PAGE } from './memory-layout.js'

/** Before each record's pages: iova u64, length u64, little-endian. Bit 0 of the length: all zero, and no pages follow. */
export const HEADER = 16

/** The most memory in a frame, in bytes. */
const FRAME_PAGES = 2 ** 20

/** The longest frame, headers and all, in bytes: as if every page had a header of its own. */
export const FRAME = FRAME_PAGES + (FRAME_PAGES / Number(PAGE)) * HEADER

/** A stretch of zeros is named in one record, however long; it is written in pieces of this. In bytes. */
export const ZEROS = new Uint8Array(FRAME_PAGES)

const ZERO_FLAG = 1n
const PAGE_BYTES = Number(PAGE)
const ONE_ZERO_PAGE = Buffer.alloc(PAGE_BYTES)

/** A record whose pages are to be put in. */
export interface Room {
  readonly iova: bigint
  readonly room: Uint8Array
}

/** A frame in the making, whose memory is used for one after the other. */
export class RecordFrame {
  readonly #bytes = new Uint8Array(FRAME)
  readonly #view = new DataView(this.#bytes.buffer)
  readonly #records: { readonly at: number; readonly iova: bigint; readonly length: number }[] = []
  #end = 0

  get empty(): boolean {
    return this.#records.length === 0
  }

  /** In bytes, headers not counted. */
  get memoryBytes(): number {
    return this.#records.reduce((sum, { length }) => sum + length, 0)
  }

  clear(): void {
    this.#records.length = 0
    this.#end = 0
  }

  /** Takes the beginning of a stretch of whole pages, as much as there is room for. @returns where to put it; `undefined`: the frame is full */
  add(iova: bigint, length: bigint): Room | undefined {
    const left = FRAME - this.#end - HEADER
    const most = left - (left % PAGE_BYTES)
    const take = length < BigInt(most) ? Number(length) : most
    if (take <= 0) return undefined
    const at = this.#end
    this.#records.push({ at, iova, length: take })
    this.#end = at + HEADER + take
    return { iova, room: this.#bytes.subarray(at + HEADER, this.#end) }
  }

  /** The frame's payload, when all pages are in: zero pages become records without pages. Valid until {@link clear}. */
  payload(): Uint8Array {
    let to = 0
    for (const { at, iova, length } of this.#records) {
      for (let from = 0; from < length; ) {
        const zero = this.#isZero(at + HEADER + from)
        let end = from + PAGE_BYTES
        while (end < length && this.#isZero(at + HEADER + end) === zero) end += PAGE_BYTES
        const first = iova + BigInt(from)
        const stretch = BigInt(end - from)
        // What is written never overtakes what is still to be read: pages that go make more room than their header takes.
        if (!zero) this.#bytes.copyWithin(to + HEADER, at + HEADER + from, at + HEADER + end)
        this.#view.setBigUint64(to, first, true)
        this.#view.setBigUint64(to + 8, zero ? stretch | ZERO_FLAG : stretch, true)
        to += HEADER + (zero ? 0 : end - from)
        from = end
      }
    }
    return this.#bytes.subarray(0, to)
  }

  #isZero(at: number): boolean {
    if (this.#view.getUint32(at) !== 0) return false
    return ONE_ZERO_PAGE.equals(this.#bytes.subarray(at, at + PAGE_BYTES))
  }
}

/** A stretch of memory that came; `pages` is `undefined` for zeros. */
export interface MemoryRecord {
  readonly iova: bigint
  readonly length: bigint
  readonly pages: Uint8Array | undefined
}

/**
 * The records of a frame's payload. Nothing in them is believed: what they name still has to be compared with the memory that there is.
 * @throws {VfioError} `ERR_VFIO_MALFORMED`: not whole records of whole pages
 */
export function decodeRecords(payload: Uint8Array): MemoryRecord[] {
  const view = new DataView(payload.buffer, payload.byteOffset, payload.byteLength)
  const records: MemoryRecord[] = []
  for (let at = 0; at < payload.length; ) {
    if (payload.length - at < HEADER) throw malformed('a record without its header')
    const iova = view.getBigUint64(at, true)
    const word = view.getBigUint64(at + 8, true)
    const zero = (word & ZERO_FLAG) !== 0n
    const length = word & ~ZERO_FLAG
    at += HEADER
    if (length === 0n || length % PAGE !== 0n || iova % PAGE !== 0n || iova + length - 1n > LAST_IOVA)
      throw malformed(`${length} bytes at ${hex(iova)} are no whole pages`)
    if (zero) {
      records.push({ iova, length, pages: undefined })
      continue
    }
    if (length > BigInt(payload.length - at)) throw malformed(`fewer pages at ${hex(iova)} than it says`)
    records.push({ iova, length, pages: payload.subarray(at, at + Number(length)) })
    at += Number(length)
  }
  return records
}

function malformed(detail: string): VfioError {
  return new VfioError('ERR_VFIO_MALFORMED', `memory: ${detail}`)
}
