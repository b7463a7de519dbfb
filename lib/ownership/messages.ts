// SPDX-License-Identifier: MIT
// What is said over a socket that devices are handed over: one JSON object a message (docs/ownership.md).
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'
import { decodeJson } from '../stream/json-payload.js'

/** Of this protocol; every message carries it. */
const VERSION = 1

/** As many as one message can list. */
export const maxDevices = 64

// What a stranger wrote is printed on terminals: printable ASCII only.
const text = (limit: number) =>
  v.pipe(v.string(), v.maxLength(limit), v.regex(/^[\x20-\x7e]*$/, 'only printable ASCII is allowed'))

const nameSchema = v.pipe(
  text(100),
  v.minLength(1),
  v.check((name) => !/[\s#]/.test(name), 'a name has no blanks and no #'),
)

const roleSchema = v.picklist(['device', 'group', 'container', 'iommufd', 'session'])

/** What a descriptor beside a message is for. */
export type Role = v.InferOutput<typeof roleSchema>

// One for each descriptor, in their order.
const rolesSchema = v.pipe(
  v.array(roleSchema),
  v.maxLength(5),
  v.check((roles) => new Set(roles).size === roles.length, 'a role appears twice'),
)
const deviceRolesSchema = v.pipe(
  rolesSchema,
  v.check((roles) => roles.includes('device'), 'the device itself is missing'),
)

const factsSchema = v.object({
  /** By which it is asked for: an address, a UUID, or what its owner calls it. */
  name: nameSchema,
  driver: v.optional(text(64)),
  protocol: v.optional(v.picklist(['v1', 'v2'])),
  /** The migration state when it was last known. Only the device knows it now. */
  state: v.optional(text(32)),
})

/** What is told of a device that is handed over. */
export type DeviceFacts = v.InferOutput<typeof factsSchema>

const heldSchema = v.object({
  ...factsSchema.entries,
  /** How many clients have it now. */
  leases: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1024)),
  /** Whether the data descriptor of a save or load was left with it. */
  session: v.boolean(),
})

/** A device that a keeper holds. */
export type HeldDevice = v.InferOutput<typeof heldSchema>

const version = { vfio: v.literal(VERSION) }

const requestSchema = v.variant('type', [
  v.object({ ...version, type: v.literal('list') }),
  v.object({
    ...version,
    type: v.literal('borrow'),
    name: v.optional(nameSchema),
    shared: v.optional(v.boolean()),
  }),
  v.object({ ...version, type: v.literal('report'), state: text(32), roles: rolesSchema }),
  v.object({ ...version, type: v.literal('give'), device: factsSchema, roles: deviceRolesSchema }),
  v.object({ ...version, type: v.literal('forget') }),
])

const replySchema = v.variant('type', [
  v.object({
    ...version,
    type: v.literal('devices'),
    devices: v.pipe(v.array(heldSchema), v.maxLength(maxDevices)),
  }),
  v.object({ ...version, type: v.literal('device'), device: factsSchema, roles: deviceRolesSchema }),
  v.object({ ...version, type: v.literal('done') }),
  v.object({ ...version, type: v.literal('refused'), code: text(64), message: text(1024) }),
])

export type Request = v.InferOutput<typeof requestSchema>
export type Reply = v.InferOutput<typeof replySchema>

type Unversioned<T> = T extends unknown ? Omit<T, 'vfio'> : never

/** @throws {VfioError} `ERR_VFIO_MALFORMED`: it breaks its own rules, for example a name with a blank */
export function encodeRequest(request: Unversioned<Request>): Uint8Array {
  return encode(requestSchema, request)
}

export function encodeReply(reply: Unversioned<Reply>): Uint8Array {
  return encode(replySchema, reply)
}

/** @throws {VfioError} `ERR_VFIO_MALFORMED`: not JSON, unknown, of another version, or a member is missing or impossible */
export function decodeRequest(bytes: Uint8Array): Request {
  return validate(requestSchema, decodeJson(bytes, 'request'))
}

export function decodeReply(bytes: Uint8Array): Reply {
  return validate(replySchema, decodeJson(bytes, 'reply'))
}

/** For replies: what may be printed of a foreign or own error text, cut to what a message takes. */
export function printable(foreign: string): string {
  return foreign.replace(/[^\x20-\x7e]/g, '?').slice(0, 1024)
}

function encode<T>(schema: v.GenericSchema<unknown, T>, message: object): Uint8Array {
  return Buffer.from(JSON.stringify(validate(schema, { vfio: VERSION, ...message })))
}

function validate<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  const where = printable(v.getDotPath(issue) ?? 'the whole')
  throw new VfioError('ERR_VFIO_MALFORMED', `message: ${where}: ${printable(issue.message).slice(0, 200)}`)
}
