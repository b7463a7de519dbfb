// SPDX-License-Identifier: MIT

/** The value below which the share `part` (0 to 1) of the numbers lies. @param {readonly number[]} numbers at least one */
export function quantile(numbers, part) {
  const sorted = [...numbers].sort((one, other) => one - other)
  const place = (sorted.length - 1) * part
  const below = Math.floor(place)
  const next = sorted[Math.min(below + 1, sorted.length - 1)]
  return sorted[below] + (next - sorted[below]) * (place - below)
}

export const median = (numbers) => quantile(numbers, 0.5)

/** Median and quartiles. */
export function summary(numbers) {
  return {
    median: median(numbers),
    low: quantile(numbers, 0.25),
    high: quantile(numbers, 0.75),
    n: numbers.length,
  }
}

/** The list from place `turn` on, then its beginning: no contender always follows the same one. */
export function rotated(list, turn) {
  const start = list.length === 0 ? 0 : turn % list.length
  return [...list.slice(start), ...list.slice(0, start)]
}
