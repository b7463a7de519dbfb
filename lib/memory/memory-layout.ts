// SPDX-License-Identifier: MIT
import type { DirtyRun } from '../device/dirty-bitmap.js'
import { hex, LAST_IOVA } from '../device/iova.js'
import { VfioError } from '../errors/index.js'

/** What memory is sent in, in bytes: the smallest page that any tracking knows. */
export const PAGE = 4096n

/** The most ranges of one memory: they travel in one frame. */
export const MOST_RANGES = 8192

/** Checks ranges of I/O addresses. @throws {RangeError} not whole pages, beyond 2^64, overlapping, not sorted, none, or too many */
export function checkRanges(ranges: readonly DirtyRun[]): void {
  if (ranges.length === 0 || ranges.length > MOST_RANGES)
    throw new RangeError(`a memory has 1 to ${MOST_RANGES} ranges, not ${ranges.length}`)
  let end = 0n
  for (const { iova, length } of ranges) {
    const what = `${length} bytes at ${hex(iova)}`
    if (length <= 0n || iova % PAGE !== 0n || length % PAGE !== 0n)
      throw new RangeError(`${what} are not whole pages of ${PAGE}`)
    if (iova < end) throw new RangeError(`${what} overlap what lies before, or are not in rising order`)
    end = iova + length
    if (end - 1n > LAST_IOVA) throw new RangeError(`${what} go beyond the last address`)
  }
}

/** The same addresses in as few ranges as possible. @param ranges sorted, not overlapping */
export function joined(ranges: readonly DirtyRun[]): DirtyRun[] {
  const result: { iova: bigint; length: bigint }[] = []
  for (const { iova, length } of ranges) {
    const before = result.at(-1)
    if (before !== undefined && before.iova + before.length === iova) before.length += length
    else result.push({ iova, length })
  }
  return result
}

/** @throws {VfioError} `ERR_VFIO_INCOMPATIBLE`: the memory that is to come lies elsewhere than the one here */
export function checkSameLayout(coming: readonly DirtyRun[], here: readonly DirtyRun[]): void {
  const [theirs, ours] = [joined(coming), joined(here)]
  const at = theirs.findIndex(
    ({ iova, length }, index) => iova !== ours[index]?.iova || length !== ours[index].length,
  )
  if (at < 0 && theirs.length === ours.length) return
  const where = at < 0 ? theirs.length : at
  throw new VfioError(
    'ERR_VFIO_INCOMPATIBLE',
    `the memory that is to come has ${describe(theirs[where])} where this one has ${describe(ours[where])}: give both ends the same ranges`,
  )
}

function describe(range: DirtyRun | undefined): string {
  return range === undefined ? 'nothing more' : `${range.length} bytes at ${hex(range.iova)}`
}

/** The parts of a run of addresses that lie in each of the ranges. @param ranges sorted, not overlapping */
export function* partsWithin<T extends DirtyRun>(
  { iova, length }: DirtyRun,
  ranges: readonly T[],
): Generator<{ readonly range: T; readonly iova: bigint; readonly length: bigint }, void, undefined> {
  const end = iova + length
  for (let at = firstEndingAfter(iova, ranges); at < ranges.length; at++) {
    const range = ranges[at] as T
    if (range.iova >= end) return
    const first = range.iova > iova ? range.iova : iova
    const last = range.iova + range.length < end ? range.iova + range.length : end
    yield { range, iova: first, length: last - first }
  }
}

function firstEndingAfter(iova: bigint, ranges: readonly DirtyRun[]): number {
  let [low, high] = [0, ranges.length]
  while (low < high) {
    const middle = (low + high) >> 1
    const range = ranges[middle] as DirtyRun
    if (range.iova + range.length > iova) high = middle
    else low = middle + 1
  }
  return low
}
