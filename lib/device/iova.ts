// SPDX-License-Identifier: MIT

/** The end of the address space, as far as 64 bits reach. */
export const LAST_IOVA = (1n << 64n) - 1n

/** I/O addresses from `first` to `last`, the last one included: a range may end at 2^64 - 1. */
export interface IovaRange {
  readonly first: bigint
  readonly last: bigint
}

/** A size or offset in bytes as a bigint. @throws {RangeError} when it is negative, no integer, or of more than 64 bits */
export function toBytes(what: string, value: number | bigint): bigint {
  if (typeof value === 'number' && !Number.isSafeInteger(value)) {
    throw new RangeError(`${what} must be an integer, not ${value}; beyond 2^53 it must be a bigint`)
  }
  const wide = BigInt(value)
  if (wide < 0n || wide > LAST_IOVA) throw new RangeError(`${what} must be from 0 to 2^64 - 1, not ${wide}`)
  return wide
}

/** The set bits of a bitmap of page sizes, as sizes in bytes, smallest first. */
export function pageSizesOf(bitmap: bigint): bigint[] {
  const sizes: bigint[] = []
  for (let bit = 0n; bit < 64n; bit++) if ((bitmap >> bit) & 1n) sizes.push(1n << bit)
  return sizes
}

export function hex(iova: bigint): string {
  return `0x${iova.toString(16)}`
}
