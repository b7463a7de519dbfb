// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'
import { decodeJson } from './json-payload.js'
import { type Wiring, wiringSchema } from './wiring.js'

const digits = v.pipe(v.string(), v.regex(/^(?:0|[1-9][0-9]{0,19})$/, 'a 64-bit number in decimal digits'))

const memorySchema = v.pipe(
  v.array(v.object({ iova: digits, length: digits })),
  v.minLength(1),
  v.maxLength(8192),
  v.transform((ranges) => ranges.map(({ iova, length }) => ({ iova: BigInt(iova), length: BigInt(length) }))),
)

/** A stretch of I/O addresses, in bytes. */
export interface SectionRange {
  readonly iova: bigint
  readonly length: bigint
}

const sectionSchema = v.object({
  /** `device-state`, `wiring`, `memory`; later releases may write other kinds (docs/stream-format.md reserves some). */
  kind: v.pipe(v.string(), v.regex(/^[a-z0-9-]{1,64}$/)),
  /** Index into the manifest's `devices`. */
  device: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(255)),
  /** Whether a reader that does not know the kind may pass over the section. */
  optional: v.optional(v.boolean(), false),
  /** Of a `wiring` section: all it holds. */
  wiring: v.optional(v.unknown()),
  /** Of a `memory` section: which addresses it holds. */
  memory: v.optional(v.unknown()),
})

/** The payload of a section's first frame. */
export type Section = Omit<v.InferOutput<typeof sectionSchema>, 'wiring' | 'memory'> & {
  readonly wiring?: Wiring
  readonly memory?: readonly SectionRange[]
}

/** The section that holds the state of the manifest's device number `device`. */
export function deviceStateSection(device = 0): Section {
  return { kind: 'device-state', device, optional: false }
}

/** The section of what the driver's stream of device number `device` leaves out. A reader that does not know it can load the rest. */
export function wiringSection(wiring: Wiring, device = 0): Section {
  return { kind: 'wiring', device, optional: true, wiring }
}

/** The section of the memory that the stream's devices write, wherever it lies. */
export function memorySection(ranges: readonly SectionRange[]): Section {
  return { kind: 'memory', device: 0, optional: false, memory: ranges }
}

export function encodeSection({ kind, device, optional, wiring, memory }: Section): Uint8Array {
  const ranges = memory?.map(({ iova, length }) => ({ iova: String(iova), length: String(length) }))
  return Buffer.from(
    JSON.stringify({
      kind,
      device,
      ...(optional ? { optional } : {}),
      ...(wiring ? { wiring } : {}),
      ...(ranges ? { memory: ranges } : {}),
    }),
  )
}

/**
 * @throws {VfioError} `ERR_VFIO_MALFORMED`
 * @throws {VfioError} `ERR_VFIO_STREAM_VERSION`: a kind that this release does not know, and that must not be passed over
 */
export function decodeSection(payload: Uint8Array): Section {
  const result = v.safeParse(sectionSchema, decodeJson(payload, 'section'))
  if (!result.success)
    throw new VfioError('ERR_VFIO_MALFORMED', 'a section needs a "kind" and the index of its "device"')
  const { wiring: carried, memory: announced, ...section } = result.output
  const { kind, optional } = section
  if (kind === 'wiring') {
    const wiring = v.safeParse(wiringSchema, carried)
    if (!wiring.success)
      throw new VfioError(
        'ERR_VFIO_MALFORMED',
        'a wiring section without a command register, or with impossible vectors',
      )
    return { ...section, wiring: wiring.output }
  }
  if (kind === 'memory') {
    const memory = v.safeParse(memorySchema, announced)
    if (!memory.success)
      throw new VfioError('ERR_VFIO_MALFORMED', 'a memory section that does not say which addresses it holds')
    return { ...section, memory: memory.output }
  }
  if (kind !== 'device-state' && !optional) {
    throw new VfioError(
      'ERR_VFIO_STREAM_VERSION',
      `the stream has a section of ${kind}, which this release cannot read`,
    )
  }
  return section
}
