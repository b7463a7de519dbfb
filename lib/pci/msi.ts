// SPDX-License-Identifier: MIT
// Message-signalled interrupts: what the MSI and MSI-X capabilities say. They are switched on by VFIO_DEVICE_SET_IRQS, not from here.
import { type Capability, checkRoom } from './capability-list.js'
import type { ConfigAccess } from './config-access.js'

const CONTROL = 0x02

const MSI_ENABLE = 1 << 0
const MSI_64_BIT = 1 << 7
const MSI_PER_VECTOR_MASK = 1 << 8

/** The MSI capability. */
export interface MsiCapability {
  readonly offset: number
  readonly enabled: boolean
  /** How many the device can have: 1 to 32, a power of two. */
  readonly vectors: number
  /** How many it was given. */
  readonly vectorsEnabled: number
  readonly address64: boolean
  /** A bit for each vector that is masked; `undefined` for a device that cannot mask them one by one. */
  readonly mask: number | undefined
  /** A bit for each vector that waits behind its mask; `undefined` as {@link mask}. */
  readonly pending: number | undefined
}

export async function readMsi(access: ConfigAccess, capability: Capability): Promise<MsiCapability> {
  const { offset } = capability
  checkRoom(access, capability, 0x0a)
  const control = await access.read(offset + CONTROL, 2)
  const address64 = (control & MSI_64_BIT) !== 0
  const maskAt = offset + (address64 ? 0x10 : 0x0c)
  const masks = (control & MSI_PER_VECTOR_MASK) !== 0
  if (masks) checkRoom(access, capability, maskAt + 8 - offset)
  return {
    offset,
    enabled: (control & MSI_ENABLE) !== 0,
    // 6 and 7 are reserved; nothing has more than 32.
    vectors: 2 ** Math.min((control >> 1) & 7, 5),
    vectorsEnabled: 2 ** Math.min((control >> 4) & 7, 5),
    address64,
    mask: masks ? await access.read(maskAt, 4) : undefined,
    pending: masks ? await access.read(maskAt + 4, 4) : undefined,
  }
}

const MSIX_ENABLE = 1 << 15
const MSIX_FUNCTION_MASK = 1 << 14
const MSIX_TABLE = 0x04
const MSIX_PENDING = 0x08
const MSIX_ENTRY_BYTES = 16

/** A structure in a BAR. */
export interface BarPlace {
  /** 0 to 5. 6 and 7 are reserved: such a device is not to be believed. */
  readonly bar: number
  /** In bytes from the start of the BAR. */
  readonly offset: number
  /** In bytes. */
  readonly size: number
}

/** The MSI-X capability. */
export interface MsixCapability {
  readonly offset: number
  readonly enabled: boolean
  /** All vectors of the function are masked. */
  readonly masked: boolean
  /** How many entries the table has: 1 to 2048. */
  readonly vectors: number
  readonly table: BarPlace
  /** One bit a vector, in words of 64 bits. */
  readonly pending: BarPlace
}

export async function readMsix(access: ConfigAccess, capability: Capability): Promise<MsixCapability> {
  const { offset } = capability
  checkRoom(access, capability, 0x0c)
  const control = await access.read(offset + CONTROL, 2)
  const vectors = (control & 0x7ff) + 1
  const place = async (at: number, size: number): Promise<BarPlace> => {
    const raw = await access.read(at, 4)
    return { bar: raw & 7, offset: (raw & ~7) >>> 0, size }
  }
  return {
    offset,
    enabled: (control & MSIX_ENABLE) !== 0,
    masked: (control & MSIX_FUNCTION_MASK) !== 0,
    vectors,
    table: await place(offset + MSIX_TABLE, vectors * MSIX_ENTRY_BYTES),
    pending: await place(offset + MSIX_PENDING, Math.ceil(vectors / 64) * 8),
  }
}
