// SPDX-License-Identifier: MIT
// VFIO_DEVICE_FEATURE (linux/vfio.h): which features a device has, and what goes into those that this library has words for.
import { VfioError } from '../errors/index.js'

const GET = 1 << 16
const SET = 1 << 17
const PROBE = 1 << 18

/** Features by number: `VFIO_DEVICE_FEATURE_*`. */
export const featureId = {
  vfToken: 0,
  migration: 1,
  migrationState: 2,
  lowPowerEntry: 3,
  lowPowerEntryWithWakeup: 4,
  lowPowerExit: 5,
  dmaLoggingStart: 6,
  dmaLoggingStop: 7,
  dmaLoggingReport: 8,
  migrationDataSize: 9,
  busMaster: 10,
  dmaBuf: 11,
  precopyInfo2: 12,
  zpciError: 13,
} as const

const names: Readonly<Record<number, string>> = {
  0: 'vf-token',
  1: 'migration',
  2: 'migration-state',
  3: 'low-power-entry',
  4: 'low-power-entry-with-wakeup',
  5: 'low-power-exit',
  6: 'dma-logging-start',
  7: 'dma-logging-stop',
  8: 'dma-logging-report',
  9: 'migration-data-size',
  10: 'bus-master',
  11: 'dma-buf',
  12: 'precopy-info-2',
  13: 'zpci-error',
}

/** A feature's name, or `feature-N` for one that this library has no word for. */
export function featureName(id: number): string {
  return names[id] ?? `feature-${id}`
}

/** What the flags of a `VFIO_DEVICE_FEATURE` ask for. */
export function featureCallName(flags: number): [string, 'get' | 'set' | 'probe'] {
  return [featureName(flags & 0xffff), (flags & PROBE) !== 0 ? 'probe' : (flags & SET) !== 0 ? 'set' : 'get']
}

/** What can be done with a feature; neither: the device does not have it. */
export interface FeatureSupport {
  readonly get: boolean
  readonly set: boolean
}

/** A feature that this library knows, and what the device makes of it. */
export interface DeviceFeature extends FeatureSupport {
  /** `VFIO_DEVICE_FEATURE_*`. */
  readonly id: number
  readonly name: string
}

/** As `Device.feature()`. */
export type FeatureCall = (flags: number, payload?: Uint8Array) => Promise<Uint8Array>

// No such feature, or no such direction.
const NO = new Set(['ENOTTY', 'EINVAL', 'EOPNOTSUPP', 'ERR_VFIO_UNSUPPORTED'])

async function accepts(call: FeatureCall, flags: number): Promise<boolean> {
  try {
    await call(flags)
    return true
  } catch (error) {
    if (error instanceof VfioError && NO.has(error.code)) return false
    throw error
  }
}

/** Asks the driver whether it has a feature, which changes nothing. */
export async function probeFeature(call: FeatureCall, id: number): Promise<FeatureSupport> {
  if (!Number.isInteger(id) || id < 0 || id > 0xffff) {
    throw new RangeError(`a feature is an integer from 0 to 65535, not ${id}`)
  }
  return { get: await accepts(call, PROBE | GET | id), set: await accepts(call, PROBE | SET | id) }
}

export async function probeFeatures(call: FeatureCall): Promise<DeviceFeature[]> {
  const found: DeviceFeature[] = []
  for (const [id, name] of Object.entries(names)) {
    found.push({ id: Number(id), name, ...(await probeFeature(call, Number(id))) })
  }
  return found
}

/** `wakeup`: an eventfd, which the kernel takes a reference of. */
export async function enterLowPower(call: FeatureCall, wakeup: number | undefined): Promise<void> {
  if (wakeup === undefined) {
    await call(SET | featureId.lowPowerEntry)
    return
  }
  const payload = new DataView(new ArrayBuffer(8)) // struct vfio_device_low_power_entry_with_wakeup
  setInt32(payload, wakeup)
  await call(SET | featureId.lowPowerEntryWithWakeup, new Uint8Array(payload.buffer))
}

export async function exitLowPower(call: FeatureCall): Promise<void> {
  await call(SET | featureId.lowPowerExit)
}

export async function setBusMaster(call: FeatureCall, enabled: boolean): Promise<void> {
  const payload = new DataView(new ArrayBuffer(4)) // struct vfio_device_feature_bus_master
  setInt32(payload, enabled ? 1 : 0)
  await call(SET | featureId.busMaster, new Uint8Array(payload.buffer))
}

export async function setVfToken(call: FeatureCall, token: string, device: string): Promise<void> {
  const payload = Uint8Array.from(Buffer.from(checkVfToken(token, device).replaceAll('-', ''), 'hex'))
  try {
    await call(SET | featureId.vfToken, payload)
  } finally {
    payload.fill(0)
  }
}

const uuid = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/i

/** @throws {VfioError} `ERR_VFIO_VF_TOKEN`; the message does not repeat the token */
export function checkVfToken(token: string, device: string): string {
  if (uuid.test(token)) return token.toLowerCase()
  throw new VfioError(
    'ERR_VFIO_VF_TOKEN',
    'a VF token is a UUID: 32 hexadecimal digits in groups of 8, 4, 4, 4 and 12',
    { device },
  )
}

// The kernel's own byte order, which is the processor's.
const littleEndian = new Uint8Array(Uint32Array.of(1).buffer)[0] === 1

function setInt32(payload: DataView, value: number): void {
  payload.setInt32(0, value, littleEndian)
}
