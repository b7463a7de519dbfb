// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'
import { decodeJson } from './json-payload.js'

/** The manifest layout that this release writes, and the only one it reads. */
export const manifestFormat = 1

/** A manifest is a few hundred bytes; a longer one is refused before it is parsed. In bytes. */
export const maxManifestBytes = 64 * 1024

// What a stranger wrote is printed on terminals: printable ASCII only, so that no escape sequence gets through.
const text = (limit: number) =>
  v.pipe(v.string(), v.maxLength(limit), v.regex(/^[\x20-\x7e]*$/, 'only printable ASCII is allowed'))
const uint16 = v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(0xffff))
const uint64 = v.pipe(
  v.string(),
  v.regex(/^0x[0-9a-f]{1,16}$/, 'a 64-bit number is written as 0x and up to 16 hexadecimal digits'),
)

const deviceSchema = v.object({
  /** What the device is to this library. */
  kind: v.picklist(['pci', 'mdev', 'platform', 'simulated', 'unknown']),
  /** As it was specified to whoever saved it: an address, a UUID, a `sim:` specification. */
  name: text(1024),
  /** The kernel driver it was bound to; null where unknown or none. */
  driver: v.nullable(text(64)),
  /** From PCI config space; null for devices without one. */
  vendorId: v.nullable(uint16),
  deviceId: v.nullable(uint16),
  /** v1: bytes of the migration region, registers included. Null on v2. */
  migrationRegionSize: v.nullable(uint64),
})

const capabilitiesSchema = v.object({
  preCopy: v.boolean(),
  p2p: v.boolean(),
  /** v2: the raw flags of `VFIO_DEVICE_FEATURE_MIGRATION`. v1: `0x0`. */
  flags: uint64,
  /** v1: how the data section could be reached at the source. Null on v2. */
  dataSection: v.nullable(v.picklist(['trapped', 'mapped', 'partly-mapped'])),
})

const manifestSchema = v.object({
  format: v.literal(manifestFormat),
  /** Name and version of the writing program, for people. */
  producer: text(128),
  protocol: v.picklist(['v1', 'v2']),
  devices: v.pipe(
    v.array(v.object({ ...deviceSchema.entries, capabilities: capabilitiesSchema })),
    v.minLength(1),
    v.maxLength(256),
  ),
})

/** One device whose state a stream carries. Sections name it by its index in {@link Manifest.devices}. */
export type ManifestDevice = v.InferOutput<typeof manifestSchema>['devices'][number]

/** The first frame of a stream: what was saved, and what it takes to load it. Unknown properties are dropped when it is read. */
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
 * @throws {VfioError} `ERR_VFIO_STREAM_VERSION`: a layout or a migration protocol that this release does not know
 */
export function decodeManifest(payload: Uint8Array): Manifest {
  if (payload.length > maxManifestBytes) {
    throw new VfioError(
      'ERR_VFIO_MALFORMED',
      `a manifest of ${payload.length} bytes is larger than ${maxManifestBytes}`,
    )
  }
  const value = decodeJson(payload, 'manifest')
  // A newer layout would fail on some field or other; say what is really the matter.
  const head = v.safeParse(v.object({ format: v.number(), protocol: v.string() }), value)
  if (head.success) {
    if (head.output.format !== manifestFormat) {
      throw new VfioError(
        'ERR_VFIO_STREAM_VERSION',
        `the manifest has layout ${head.output.format}; this release reads ${manifestFormat}`,
      )
    }
    if (head.output.protocol !== 'v1' && head.output.protocol !== 'v2') {
      throw new VfioError(
        'ERR_VFIO_STREAM_VERSION',
        `the stream was saved with migration protocol ${JSON.stringify(head.output.protocol.slice(0, 32))}; known are v1 and v2`,
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
  return `${v.getDotPath(issue) ?? 'the whole'}: ${issue.message.replace(/[^\x20-\x7e]/g, '?').slice(0, 200)}`
}
