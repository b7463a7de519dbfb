// SPDX-License-Identifier: MIT
// The standard header of PCI configuration space: identity, command and status.
import type { ConfigAccess } from './config-access.js'

const VENDOR_ID = 0x00
const DEVICE_ID = 0x02
const COMMAND = 0x04
const STATUS = 0x06
const CLASS_REVISION = 0x08
const HEADER_TYPE = 0x0e
const SUBSYSTEM_VENDOR_ID = 0x2c
const SUBSYSTEM_ID = 0x2e
const INTERRUPT_LINE = 0x3c
const INTERRUPT_PIN = 0x3d

const TYPE_MASK = 0x7f
const MULTI_FUNCTION = 0x80

/** What kind of device it is, by the class code. */
export interface PciClass {
  /** Base class: 0x02 is a network controller, 0x03 a display. */
  readonly base: number
  readonly sub: number
  /** The programming interface. */
  readonly interface: number
}

/** The identity of a PCI function. The numbers are those of configuration space. */
export interface PciHeader {
  readonly vendorId: number
  readonly deviceId: number
  readonly revision: number
  readonly class: PciClass
  /** 0: an endpoint. 1: a bridge. 2: a CardBus bridge. */
  readonly type: number
  readonly multiFunction: boolean
  /** Of endpoints; `undefined` for bridges, which keep theirs in a capability. */
  readonly subsystem: { readonly vendorId: number; readonly deviceId: number } | undefined
  readonly interruptLine: number
  /** 0: none; 1 to 4: INTA to INTD. */
  readonly interruptPin: number
}

export async function readHeader(access: ConfigAccess): Promise<PciHeader> {
  const vendorId = await access.read(VENDOR_ID, 2)
  const deviceId = await access.read(DEVICE_ID, 2)
  const classRevision = await access.read(CLASS_REVISION, 4)
  const headerType = await access.read(HEADER_TYPE, 1)
  const type = headerType & TYPE_MASK
  return {
    vendorId,
    deviceId,
    revision: classRevision & 0xff,
    class: {
      base: classRevision >>> 24,
      sub: (classRevision >>> 16) & 0xff,
      interface: (classRevision >>> 8) & 0xff,
    },
    type,
    multiFunction: (headerType & MULTI_FUNCTION) !== 0,
    subsystem:
      type === 0
        ? {
            vendorId: await access.read(SUBSYSTEM_VENDOR_ID, 2),
            deviceId: await access.read(SUBSYSTEM_ID, 2),
          }
        : undefined,
    interruptLine: await access.read(INTERRUPT_LINE, 1),
    interruptPin: await access.read(INTERRUPT_PIN, 1),
  }
}

const commandBits = {
  /** The device answers accesses to its I/O ports. */
  io: 1 << 0,
  /** The device answers accesses to its memory BARs. */
  memory: 1 << 1,
  /** The device may start DMA and send message-signalled interrupts. */
  busMaster: 1 << 2,
  parityErrorResponse: 1 << 6,
  systemErrors: 1 << 8,
  /** The device must not assert INTx. */
  intxDisable: 1 << 10,
} as const

/** The bits of the command register that are in use today. */
export type PciCommand = { readonly [Bit in keyof typeof commandBits]: boolean }

const names = Object.keys(commandBits) as (keyof PciCommand)[]

export async function readCommand(access: ConfigAccess): Promise<PciCommand> {
  const raw = await access.read(COMMAND, 2)
  const bits = names.map((name) => [name, (raw & commandBits[name]) !== 0] as const)
  return Object.fromEntries(bits) as PciCommand
}

/** Changes the bits that are given and leaves the others as they are read. Two accesses: nobody else may do the same meanwhile. */
export async function changeCommand(access: ConfigAccess, change: Partial<PciCommand>): Promise<void> {
  const before = await access.read(COMMAND, 2)
  let after = before
  for (const name of names) {
    const wanted = change[name]
    if (wanted !== undefined) after = wanted ? after | commandBits[name] : after & ~commandBits[name]
  }
  if (after !== before) await access.write(COMMAND, 2, after)
}

/** The bits of the status register that say something about a device at rest. */
export interface PciStatus {
  readonly interruptPending: boolean
  readonly capabilities: boolean
  /** Error bits that are set and stay so until somebody writes ones to them. */
  readonly errors: {
    readonly masterDataParity: boolean
    readonly signaledTargetAbort: boolean
    readonly receivedTargetAbort: boolean
    readonly receivedMasterAbort: boolean
    readonly signaledSystemError: boolean
    readonly detectedParity: boolean
  }
}

export async function readStatus(access: ConfigAccess): Promise<PciStatus> {
  const raw = await access.read(STATUS, 2)
  const bit = (number: number): boolean => (raw & (1 << number)) !== 0
  return {
    interruptPending: bit(3),
    capabilities: bit(4),
    errors: {
      masterDataParity: bit(8),
      signaledTargetAbort: bit(11),
      receivedTargetAbort: bit(12),
      receivedMasterAbort: bit(13),
      signaledSystemError: bit(14),
      detectedParity: bit(15),
    },
  }
}
