// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'
import { decodeJson } from './json-payload.js'

const sectionSchema = v.object({
  /** `device-state`; later releases may write other kinds (docs/stream-format.md reserves some). */
  kind: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/)),
  /** Index into the manifest's `devices`. */
  device: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)),
  /** Whether a reader that does not know the kind may pass over the section. */
  optional: v.optional(v.boolean(), false),
})

/** The payload of a section's first frame. */
export type Section = v.InferOutput<typeof sectionSchema>

/** The section that holds the state of the manifest's device number `device`. */
export function deviceStateSection(device = 0): Section {
  return { kind: 'device-state', device, optional: false }
}

export function encodeSection({ kind, device, optional }: Section): Uint8Array {
  return Buffer.from(JSON.stringify({ kind, device, ...(optional ? { optional } : {}) }))
}

/**
 * @throws {VfioError} `ERR_VFIO_MALFORMED`
 * @throws {VfioError} `ERR_VFIO_STREAM_VERSION`: a kind that this release does not know, and that must not be passed over
 */
export function decodeSection(payload: Uint8Array): Section {
  const result = v.safeParse(sectionSchema, decodeJson(payload, 'section'))
  if (!result.success)
    throw new VfioError('ERR_VFIO_MALFORMED', 'a section needs a "kind" and the index of its "device"')
  const { kind, optional } = result.output
  if (kind !== 'device-state' && !optional) {
    throw new VfioError(
      'ERR_VFIO_STREAM_VERSION',
      `the stream has a section of ${kind}, which this release cannot read`,
    )
  }
  return result.output
}
