// SPDX-License-Identifier: MIT
// What two engines say to one another: JSON, small, every field checked. docs/two-hosts.md describes the conversation.
import * as v from 'valibot'
import { migrationIdSchema } from '../commit/journal-format.js'
import type { CommitMessage } from '../commit/step.js'
import { VfioError } from '../errors/index.js'
import type { DeviceProfile } from '../migration/profile.js'

/** Of the conversation. Engines of another version refuse one another. */
export const engineVersion = 1

/** The longest message, in bytes. */
export const maxMessageBytes = 256 * 1024

const MAX_DEVICES = 256

// What a stranger wrote is printed on terminals.
const text = (limit: number) =>
  v.pipe(v.string(), v.maxLength(limit), v.regex(/^[\x20-\x7e]*$/, 'only printable ASCII is allowed'))
const digits = v.pipe(v.string(), v.regex(/^(?:0|[1-9][0-9]{0,19})$/, 'a 64-bit number in decimal digits'))
const count = v.pipe(v.number(), v.safeInteger(), v.minValue(0))
const index = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(MAX_DEVICES - 1))
const secret = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{22,128}$/))

const profileSchema = v.object({
  protocol: v.picklist(['v1', 'v2']),
  vendorId: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))),
  deviceId: v.optional(v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))),
  bars: v.pipe(v.array(digits), v.maxLength(6)),
  migrationRegionSize: v.optional(digits),
})

const offeredSchema = v.object({
  name: text(1024),
  driver: v.optional(text(64)),
  profile: profileSchema,
  preCopy: v.boolean(),
  p2p: v.boolean(),
})

const endSchema = v.object({
  device: text(1024),
  state: text(32),
  error: v.optional(text(1024)),
})

const troubleSchema = v.object({
  code: text(64),
  message: text(2048),
  device: v.optional(text(1024)),
})

const words = [
  'loaded',
  'commit',
  'abort',
  'aborted',
  'running',
  'done',
] as const satisfies readonly CommitMessage[]

const messageSchema = v.variant('type', [
  v.object({
    type: v.literal('hello'),
    version: v.number(),
    id: migrationIdSchema,
    /** By which the engines know one another for the rest of this migration. */
    key: secret,
    token: v.optional(text(256)),
    devices: v.pipe(v.array(offeredSchema), v.minLength(1), v.maxLength(MAX_DEVICES)),
    memory: v.boolean(),
    allowWithoutP2p: v.boolean(),
  }),
  v.object({ type: v.literal('resume'), version: v.number(), id: migrationIdSchema, key: secret }),
  v.object({
    type: v.literal('attach'),
    version: v.number(),
    id: migrationIdSchema,
    key: secret,
    channel: v.union([index, v.literal('memory')]),
  }),
  v.object({ type: v.literal('welcome'), version: v.number() }),
  v.object({ type: v.literal('refused'), ...troubleSchema.entries }),
  v.object({ type: v.literal('ready') }),
  v.object({ type: v.literal('initial'), device: index, bytes: count }),
  v.object({ type: v.literal('initial-loaded'), device: index, bytes: count }),
  v.object({
    type: v.literal('word'),
    word: v.picklist(words),
    trouble: v.optional(troubleSchema),
    devices: v.optional(v.pipe(v.array(endSchema), v.maxLength(MAX_DEVICES))),
    /** Of `running`: how long it took on the destination's clock, in milliseconds. */
    runMs: v.optional(v.pipe(v.number(), v.minValue(0))),
    syncMs: v.optional(v.pipe(v.number(), v.minValue(0))),
  }),
  v.object({ type: v.literal('alive') }),
])

/** One message of the conversation. */
export type EngineMessage = v.InferOutput<typeof messageSchema>
export type MessageOf<Type extends EngineMessage['type']> = Extract<EngineMessage, { type: Type }>
/** A device as its engine tells the other about it. */
export type OfferedDevice = v.InferOutput<typeof offeredSchema>
/** Where the other engine's device is, in that engine's words. */
export type PeerEnd = v.InferOutput<typeof endSchema>
/** Why the other engine gave up, in its words. */
export type PeerTrouble = v.InferOutput<typeof troubleSchema>

export function encodeMessage(message: EngineMessage): Uint8Array {
  return Buffer.from(JSON.stringify(message))
}

/** @throws {VfioError} `ERR_VFIO_PROTOCOL` */
export function decodeMessage(bytes: Uint8Array): EngineMessage {
  if (bytes.length > maxMessageBytes) {
    throw new VfioError(
      'ERR_VFIO_PROTOCOL',
      `a message of ${bytes.length} bytes is longer than ${maxMessageBytes}`,
    )
  }
  let value: unknown
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch (cause) {
    throw new VfioError('ERR_VFIO_PROTOCOL', 'the peer sent something that is no JSON', { cause })
  }
  const result = v.safeParse(messageSchema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const where = v.getDotPath(issue) ?? 'the whole'
  throw new VfioError(
    'ERR_VFIO_PROTOCOL',
    `a message of the peer makes no sense: ${printable(`${where}: ${issue.message}`, 300)}`,
  )
}

export function encodeProfile(profile: DeviceProfile): OfferedDevice['profile'] {
  const { protocol, vendorId, deviceId, bars, migrationRegionSize } = profile
  return {
    protocol,
    ...(vendorId === undefined ? {} : { vendorId }),
    ...(deviceId === undefined ? {} : { deviceId }),
    bars: bars.map(String),
    ...(migrationRegionSize === undefined ? {} : { migrationRegionSize: String(migrationRegionSize) }),
  }
}

export function decodeProfile(profile: OfferedDevice['profile']): DeviceProfile {
  return {
    protocol: profile.protocol,
    vendorId: profile.vendorId,
    deviceId: profile.deviceId,
    bars: profile.bars.map(BigInt),
    migrationRegionSize:
      profile.migrationRegionSize === undefined ? undefined : BigInt(profile.migrationRegionSize),
  }
}

/** An error as the other engine is told it. */
export function troubleOf(error: unknown): PeerTrouble {
  const { code, message, device } = error as { code?: unknown; message?: unknown; device?: unknown }
  return {
    code: typeof code === 'string' ? printable(code, 64) : 'ERR_VFIO_MIGRATION',
    message: printable(typeof message === 'string' ? message : String(error), 2048),
    ...(typeof device === 'string' ? { device: printable(device, 1024) } : {}),
  }
}

/** As much of a text as may be sent and printed. */
export function printable(foreign: string, limit: number): string {
  return foreign.replace(/[^\x20-\x7e]/g, '?').slice(0, limit)
}
