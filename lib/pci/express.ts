// SPDX-License-Identifier: MIT
import { type Capability, checkRoom } from './capability-list.js'
import type { ConfigAccess } from './config-access.js'

const FLAGS = 0x02
const DEVICE_CAPABILITIES = 0x04
const DEVICE_CONTROL = 0x08
const LINK_CAPABILITIES = 0x0c
const LINK_STATUS = 0x12

const ports: Readonly<Record<number, string>> = {
  0: 'endpoint',
  1: 'legacy-endpoint',
  4: 'root-port',
  5: 'upstream-port',
  6: 'downstream-port',
  7: 'bridge-to-pci',
  8: 'bridge-from-pci',
  9: 'integrated-endpoint',
  10: 'event-collector',
}

/** The PCI Express capability. */
export interface ExpressCapability {
  readonly offset: number
  readonly version: number
  /** `endpoint`, `root-port`, ..., or `unknown-N`. */
  readonly port: string
  /** Function level reset: the function can be reset alone, without what shares its bus. */
  readonly functionLevelReset: boolean
  /** In bytes, 128 to 4096: what the device can take, and what it was set to. */
  readonly maxPayload: { readonly supported: number; readonly set: number }
  /** `undefined` for what has no link, as endpoints that are part of the root complex. `speed` is the specification's number: 1 is 2.5 GT/s. */
  readonly link:
    | { readonly speed: number; readonly width: number; readonly maxSpeed: number; readonly maxWidth: number }
    | undefined
}

export async function readExpress(access: ConfigAccess, capability: Capability): Promise<ExpressCapability> {
  const { offset } = capability
  checkRoom(access, capability, 0x0c)
  const flags = await access.read(offset + FLAGS, 2)
  const kind = (flags >> 4) & 0xf
  const port = ports[kind] ?? `unknown-${kind}`
  const capabilities = await access.read(offset + DEVICE_CAPABILITIES, 4)
  const control = await access.read(offset + DEVICE_CONTROL, 2)
  const integrated = port === 'integrated-endpoint' || port === 'event-collector'
  if (!integrated) checkRoom(access, capability, LINK_STATUS + 2)
  return {
    offset,
    version: flags & 0xf,
    port,
    functionLevelReset: (capabilities & (1 << 28)) !== 0,
    maxPayload: {
      supported: 128 << Math.min(capabilities & 7, 5),
      set: 128 << Math.min((control >> 5) & 7, 5),
    },
    link: integrated ? undefined : await readLink(access, offset),
  }
}

async function readLink(access: ConfigAccess, offset: number): Promise<ExpressCapability['link']> {
  const most = await access.read(offset + LINK_CAPABILITIES, 4)
  const now = await access.read(offset + LINK_STATUS, 2)
  return {
    speed: now & 0xf,
    width: (now >> 4) & 0x3f,
    maxSpeed: most & 0xf,
    maxWidth: (most >>> 4) & 0x3f,
  }
}
