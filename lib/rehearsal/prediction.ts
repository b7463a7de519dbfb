// SPDX-License-Identifier: MIT
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'

/** The parts of a downtime, in order. */
export const downtimeParts = ['quiesce', 'stop', 'drain', 'transfer', 'load', 'resume'] as const
export type DowntimePartName = (typeof downtimeParts)[number]

const text = v.pipe(v.string(), v.maxLength(4096))
const amount = v.pipe(v.number(), v.finite(), v.minValue(0))
const figure = v.object({
  value: amount,
  /** `measured` in the rehearsal, `given` by whoever asked or known beforehand, `assumed`, or `unknown` (then the value is 0). */
  basis: v.picklist(['measured', 'given', 'assumed', 'unknown']),
  /** How it came about, for people. */
  how: text,
})
const part = v.object({ ...figure.entries, name: v.picklist(downtimeParts) })

const schema = v.object({
  version: v.literal(1),
  device: text,
  driver: v.optional(text),
  protocol: v.picklist(['v1', 'v2']),
  /** ISO 8601. */
  rehearsedAt: text,
  /** What was done to the device. */
  steps: v.array(v.picklist(['pre-copy', 'quiesce', 'stop'])),
  /** How pre-copy would end; missing where none was rehearsed. */
  switchover: v.optional(
    v.object({
      decision: v.picklist(['switch', 'abort']),
      rounds: v.pipe(v.number(), v.integer(), v.minValue(0)),
      reason: v.optional(text),
    }),
  ),
  /** Bytes per second: of reading the device, of the way to the destination and into it, and what the device dirties. */
  readRate: figure,
  bandwidth: figure,
  loadRate: figure,
  dirtyRate: v.optional(figure),
  /** Bytes in pre-copy, and in stop-copy. */
  preCopyBytes: figure,
  stopCopyBytes: figure,
  /** Device data in all, in bytes. */
  bytes: amount,
  /** Milliseconds. */
  preCopyMs: figure,
  /** `atLeast`: a part is unknown, so that it will be more. */
  downtime: v.object({ ms: amount, atLeast: v.boolean(), parts: v.array(part) }),
  totalMs: amount,
  warnings: v.array(text),
})

/** A number, and where it comes from. */
export type Figure = v.InferOutput<typeof figure>
export type DowntimePartFigure = v.InferOutput<typeof part>

/** What a migration of a device would take. Plain data, made to be printed, sent as JSON and kept. Milliseconds and bytes. */
export type Prediction = v.InferOutput<typeof schema>

/** A prediction that was kept as JSON. @throws {VfioError} `ERR_VFIO_MALFORMED` */
export function parsePrediction(json: string): Prediction {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch {
    // The parser's own message quotes the input, which may hold anything.
    throw new VfioError('ERR_VFIO_MALFORMED', 'the prediction is no JSON')
  }
  const result = v.safeParse(schema, value)
  if (result.success) return result.output
  const [issue] = result.issues
  throw new VfioError(
    'ERR_VFIO_MALFORMED',
    `this is no prediction of vfio-migrate rehearse: ${v.getDotPath(issue) ?? 'all of it'} is not as expected`,
  )
}
