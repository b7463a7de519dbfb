// SPDX-License-Identifier: MIT
// Sizes and times as people write and read them.

const units = ['bytes', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const

export function formatBytes(bytes: number): string {
  let value = bytes
  let unit = 0
  while (value >= 1024 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  const digits = unit === 0 || Number.isInteger(value) || value >= 100 ? 0 : 1
  return `${value.toFixed(digits)} ${units[unit]}`
}

export function formatMs(milliseconds: number): string {
  if (milliseconds >= 60_000) {
    return `${Math.floor(milliseconds / 60_000)} min ${Math.floor((milliseconds % 60_000) / 1000)} s`
  }
  if (milliseconds >= 1000) return `${(milliseconds / 1000).toFixed(2)} s`
  return `${milliseconds.toFixed(milliseconds < 10 ? 1 : 0)} ms`
}

export function formatRate(bytes: number, milliseconds: number): string {
  return milliseconds <= 0 ? '-' : `${formatBytes((bytes / milliseconds) * 1000)}/s`
}

/** `65536`, `64KiB`, `1 MiB`, `2G`: all powers of 1024. `undefined` for anything else. In bytes. */
export function parseSize(text: string): number | undefined {
  const match = /^([0-9]{1,15}) ?(?:([KMGT])(?:i?B)?)?$/i.exec(text)
  if (!match) return undefined
  const value = Number(match[1]) * 1024 ** ('KMGT'.indexOf(match[2]?.toUpperCase() ?? ' ') + 1)
  return Number.isSafeInteger(value) ? value : undefined
}

/** `250ms`, `30s`, `5m`, `30` (seconds). `undefined` for anything else, and for zero. In milliseconds. */
export function parseDuration(text: string): number | undefined {
  const match = /^([0-9]+(?:\.[0-9]+)?)(ms|s|m|h)?$/.exec(text)
  if (!match) return undefined
  const factor = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }[match[2] ?? 's'] ?? Number.NaN
  const value = Math.round(Number(match[1]) * factor)
  // What a timer can wait for.
  return value >= 1 && value <= 0x7fff_ffff ? value : undefined
}
