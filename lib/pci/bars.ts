// SPDX-License-Identifier: MIT
import type { ConfigAccess } from './config-access.js'

const FIRST_BAR = 0x10
/** By header type: endpoints have six, bridges two, CardBus bridges one that is not like the others. */
const barsOfType: Readonly<Record<number, number>> = { 0: 6, 1: 2 }

const IO_SPACE = 1 << 0
const MEMORY_TYPE = 3 << 1
const MEMORY_64 = 2 << 1
const PREFETCHABLE = 1 << 3

/** A base address register. */
export interface PciBar {
  /** 0 to 5; also the index of its region. The upper half of a 64-bit BAR is no BAR of its own. */
  readonly index: number
  readonly space: 'memory' | 'io'
  /** Of the address it takes. */
  readonly bits: 32 | 64
  readonly prefetchable: boolean
  /** In bytes, as VFIO's region says. */
  readonly size: bigint
  /** What the register holds. vfio-pci keeps a register of its own there, for virtual machines: it is not where the host put the BAR. */
  readonly address: bigint
}

/** @param sizeOf the size of the region at an index, 0 where there is none */
export async function readBars(
  access: ConfigAccess,
  headerType: number,
  sizeOf: (index: number) => Promise<bigint>,
): Promise<PciBar[]> {
  const count = barsOfType[headerType] ?? 0
  const bars: PciBar[] = []
  for (let index = 0; index < count; index++) {
    const low = await access.read(FIRST_BAR + 4 * index, 4)
    const io = (low & IO_SPACE) !== 0
    // The last register has no successor to hold an upper half, whatever it claims.
    const wide = !io && (low & MEMORY_TYPE) === MEMORY_64 && index + 1 < count
    const size = await sizeOf(index)
    if (size > 0n) {
      const high = wide ? await access.read(FIRST_BAR + 4 * index + 4, 4) : 0
      bars.push({
        index,
        space: io ? 'io' : 'memory',
        bits: wide ? 64 : 32,
        prefetchable: !io && (low & PREFETCHABLE) !== 0,
        size,
        address: (BigInt(high) << 32n) | BigInt((low & (io ? ~0x3 : ~0xf)) >>> 0),
      })
    }
    if (wide) index++
  }
  return bars
}
