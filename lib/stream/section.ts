// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'
import { decodeJson } from './json-payload.js'

/** What a section can carry. Only `device-state` is written today; the other names are kept by docs/stream-format.md. */
export const sectionTypes = ['device-state', 'config-space', 'interrupts', 'dirty-memory'] as const
export type SectionType = (typeof sectionTypes)[number]

const sectionSchema = v.object({
  type: v.picklist(sectionTypes),
  /** Index into the manifest's `devices`. */
  device: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)),
})

/** The payload of a section's first frame. */
export type Section = v.InferOutput<typeof sectionSchema>

export function encodeSection(section: Section): Uint8Array {
  return Buffer.from(JSON.stringify({ type: section.type, device: section.device }))
}

/** @throws {VfioError} `ERR_VFIO_MALFORMED` */
export function decodeSection(payload: Uint8Array): Section {
  const result = v.safeParse(sectionSchema, decodeJson(payload, 'section'))
  if (result.success) return result.output
  throw new VfioError('ERR_VFIO_MALFORMED', 'a section needs a known "type" and the index of its "device"')
}
