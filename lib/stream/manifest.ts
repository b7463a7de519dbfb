// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'
import { decodeJson } from './json-payload.js'

/** A manifest is a few hundred bytes; a longer one is refused before it is parsed. In bytes. */
export const maxManifestBytes = 64 * 1024

// What a stranger wrote is printed on terminals: printable ASCII only, so that no escape sequence gets through.
const text = (limit: number) =>
  v.pipe(v.string(), v.maxLength(limit), v.regex(/^[\x20-\x7e]*$/, 'only printable ASCII is allowed'))
const unsigned = (bits: number) => v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(2 ** bits - 1))

const identitySchema = v.object({
  /** What the device is to this library. */
  kind: v.optional(v.picklist(['pci', 'mdev', 'platform', 'simulated'])),
  /** As it was specified to whoever saved it: an address, a UUID, a `sim:` specification. */
  name: v.optional(text(1024)),
  /** The kernel driver it was bound to. */
  driver: v.optional(text(64)),
  mdevType: v.optional(text(256)),
  // As in PCI configuration space.
  vendor: v.optional(unsigned(16)),
  device: v.optional(unsigned(16)),
  subsystemVendor: v.optional(unsigned(16)),
  subsystemDevice: v.optional(unsigned(16)),
  class: v.optional(unsigned(24)),
  revision: v.optional(unsigned(8)),
})

const capabilitiesSchema = v.object({
  preCopy: v.optional(v.boolean()),
  p2p: v.optional(v.boolean()),
  /** v1: bytes of the migration region behind its registers, in decimal digits. */
  dataSectionSize: v.optional(
    v.pipe(v.string(), v.regex(/^(?:0|[1-9][0-9]{0,19})$/, 'a 64-bit number is written in decimal digits')),
  ),
})

const deviceSchema = v.object({
  /** Its place in the array, by which sections name it. */
  index: unsigned(8),
  protocol: v.picklist(['v1', 'v2']),
  identity: v.optional(identitySchema),
  capabilities: v.optional(capabilitiesSchema),
})

const manifestSchema = v.object({
  devices: v.pipe(
    v.array(deviceSchema),
    v.minLength(1),
    v.maxLength(256),
    v.check((devices) => devices.every(({ index }, at) => index === at), 'devices are numbered 0, 1, 2, ...'),
  ),
  /** Name and version of the writing program, for people. */
  producer: v.optional(text(128)),
  /** ISO 8601. */
  created: v.optional(text(64)),
})

/** What a device is, for comparing it with the one its state is loaded into. */
export type ManifestIdentity = v.InferOutput<typeof identitySchema>

/** One device whose state a stream carries. */
export type ManifestDevice = v.InferOutput<typeof deviceSchema>

/** The first frame of a stream: what was saved, and what it takes to load it. Members that are not known are dropped when it is read. */
export type Manifest = v.InferOutput<typeof manifestSchema>

/**
 * The manifest's JSON, in UTF-8.
 * @throws {VfioError} `ERR_VFIO_MALFORMED`: it breaks its own rules, for example a name with control characters
 */
export function encodeManifest(manifest: Manifest): Uint8Array {
  const bytes = Buffer.from(JSON.stringify(validate(manifest)))
  if (bytes.length > maxManifestBytes) {
    throw new VfioError(
      'ERR_VFIO_MALFORMED',
      `a manifest of ${bytes.length} bytes is larger than ${maxManifestBytes}`,
    )
  }
  return bytes
}

/**
 * The manifest in a frame's payload, every field checked.
 * @throws {VfioError} `ERR_VFIO_MALFORMED`: not JSON, or a field is missing or impossible
 * @throws {VfioError} `ERR_VFIO_STREAM_VERSION`: a migration protocol that this release does not know
 */
export function decodeManifest(payload: Uint8Array): Manifest {
  if (payload.length > maxManifestBytes) {
    throw new VfioError(
      'ERR_VFIO_MALFORMED',
      `a manifest of ${payload.length} bytes is larger than ${maxManifestBytes}`,
    )
  }
  const value = decodeJson(payload, 'manifest')
  // A later protocol is no damage: say what is really the matter.
  const protocols = v.safeParse(v.object({ devices: v.array(v.object({ protocol: v.string() })) }), value)
  for (const { protocol } of protocols.success ? protocols.output.devices : []) {
    if (protocol !== 'v1' && protocol !== 'v2') {
      throw new VfioError(
        'ERR_VFIO_STREAM_VERSION',
        `the stream was saved with migration protocol ${JSON.stringify(printable(protocol.slice(0, 32)))}; known are v1 and v2`,
      )
    }
  }
  return validate(value)
}

function validate(value: unknown): Manifest {
  const result = v.safeParse(manifestSchema, value)
  if (result.success) return result.output
  throw new VfioError('ERR_VFIO_MALFORMED', `manifest: ${describeIssue(result.issues[0])}`)
}

function describeIssue(issue: v.BaseIssue<unknown>): string {
  return `${printable(v.getDotPath(issue) ?? 'the whole')}: ${printable(issue.message).slice(0, 200)}`
}

function printable(foreign: string): string {
  return foreign.replace(/[^\x20-\x7e]/g, '?')
}
