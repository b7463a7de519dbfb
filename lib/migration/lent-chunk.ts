// SPDX-License-Identifier: MIT
import type { DataSource } from '../device/data-source.js'
import type { Chunk } from './chunk.js'

const lenders = new WeakMap<Chunk, DataSource>()

/** `chunk`, which `source` has lent. */
export function lendChunk(source: DataSource, chunk: Chunk): Chunk {
  lenders.set(chunk, source)
  return chunk
}

/** Whose memory a chunk is in; undefined for one that no iteration of a save made. */
export function lenderOf(chunk: Chunk): DataSource | undefined {
  return lenders.get(chunk)
}
