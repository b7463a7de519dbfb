// SPDX-License-Identifier: MIT
import type { IovaRange } from './iova.js'

/** What a device's log is to cover. */
export interface LogRange {
  readonly iova: bigint
  readonly length: bigint
}

/** A page of 4 KiB full of them is the most that `VFIO_DEVICE_FEATURE_DMA_LOGGING_START` takes. */
const MOST = 256

/**
 * Ranges for a device's log that cover all that is mapped, in whole pages and few enough: where there are too many, the narrowest gaps
 * between them are covered as well.
 * @param mapped sorted, not overlapping
 */
export function logRanges(mapped: readonly IovaRange[], pageSize: bigint, most = MOST): LogRange[] {
  const joined: { first: bigint; end: bigint }[] = []
  for (const { first, last } of mapped) {
    const begins = first - (first % pageSize)
    const end = last + pageSize - (last % pageSize)
    const before = joined.at(-1)
    if (before && begins <= before.end) before.end = end > before.end ? end : before.end
    else joined.push({ first: begins, end })
  }
  while (joined.length > most) {
    let narrowest = 1
    const gap = (at: number): bigint => (joined[at]?.first ?? 0n) - (joined[at - 1]?.end ?? 0n)
    for (let at = 2; at < joined.length; at++) if (gap(at) < gap(narrowest)) narrowest = at
    const [gone] = joined.splice(narrowest, 1)
    const before = joined[narrowest - 1]
    if (gone && before) before.end = gone.end
  }
  return joined.map(({ first, end }) => ({ iova: first, length: end - first }))
}
