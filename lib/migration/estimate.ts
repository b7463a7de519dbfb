// SPDX-License-Identifier: MIT
// Sizes that a device says of itself, before anybody believes them.

/** A PiB: more than any device holds. */
const MOST = 2 ** 50
/** How many times more than was seen so far may still come. */
const FACTOR = 1024
/** A save that has seen little may be at its beginning. */
const LEAST_SEEN = 64 * 2 ** 20

/**
 * An estimate in bytes as far as it can be true; `undefined` for one that cannot: wrapped below zero, above a PiB, or more than
 * 1024 times what the save has moved (or 64 MiB, where that is more).
 * @param moved bytes the save has moved so far
 */
export function believed(size: bigint | undefined, moved: number): number | undefined {
  if (size === undefined || size < 0n || size > BigInt(MOST)) return undefined
  const bytes = Number(size)
  return bytes <= FACTOR * Math.max(moved, LEAST_SEEN) ? bytes : undefined
}

/** What a device says at one point of its pre-copy, and what was seen. */
export interface Remainder {
  /** Moved so far. */
  readonly bytes: number
  /** Moved in the current round. */
  readonly roundBytes: number
  readonly drained: boolean
  readonly initialBytes: bigint | undefined
  readonly dirtyBytes: bigint | undefined
}

/**
 * What pre-copy has left, in bytes: initial and dirty data are different data and add up. Where a drained device says nothing that can be
 * believed, what the last round moved stands for what the next one will; `undefined` where there is not even that.
 */
export function remainingOf(at: Remainder): number | undefined {
  const initial = believed(at.initialBytes, at.bytes)
  const dirty = believed(at.dirtyBytes, at.bytes)
  const seen = at.drained ? at.roundBytes : undefined
  if (dirty === undefined && seen === undefined) return undefined
  return (initial ?? 0) + (dirty ?? seen ?? 0)
}
