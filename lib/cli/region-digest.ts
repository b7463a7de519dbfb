// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import type { Device } from '../device/device.js'
import { throwIfAborted } from '../errors/index.js'
import { UsageError } from './usage-error.js'

// VFIO_PCI_*_REGION_INDEX in <linux/vfio.h>.
const names: Readonly<Record<string, number>> = {
  bar0: 0,
  bar1: 1,
  bar2: 2,
  bar3: 3,
  bar4: 4,
  bar5: 5,
  rom: 6,
  config: 7,
  vga: 8,
}

const pieceBytes = 4 * 1024 * 1024

/** The index of a region by name or number. @throws {UsageError} */
export function regionIndex(text: string): number {
  const name = text.toLowerCase()
  if (Object.hasOwn(names, name)) return names[name] as number
  if (/^[0-9]{1,4}$/.test(text)) return Number(text)
  throw new UsageError(
    `no region is called ${JSON.stringify(text)}: bar0 to bar5, rom, config, vga, or an index`,
  )
}

/** The name of a region, for people. */
export function regionName(index: number): string {
  return Object.keys(names).find((name) => names[name] === index) ?? String(index)
}

/** SHA-256 of a whole region, read through the device's own region reads, as `sha256:` and hexadecimal digits. The device must run. */
export async function regionDigest(device: Device, index: number, signal: AbortSignal): Promise<string> {
  const region = await device.region(index)
  const hash = createHash('sha256')
  for (let offset = 0n; offset < region.size; offset += BigInt(pieceBytes)) {
    throwIfAborted(signal)
    const left = region.size - offset
    hash.update(await region.read(offset, left < BigInt(pieceBytes) ? Number(left) : pieceBytes))
  }
  return `sha256:${hash.digest('hex')}`
}
