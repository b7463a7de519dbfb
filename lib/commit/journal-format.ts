// SPDX-License-Identifier: MIT
// The bytes of a journal: lines of a CRC-32 and JSON, in a file that is as large from the beginning as it will ever be.
import { crc32 } from 'node:zlib'
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'
import type { CommitRecord } from './step.js'

/** Room for records behind the first line, in bytes: a migration writes eight at most, an operator a few more. */
export const recordRoom = 4096

/** The longest first line that is read, in bytes. */
const MAX_HEADER = 256 * 1024

const printable = (limit: number) => v.pipe(v.string(), v.maxLength(limit), v.regex(/^[\x20-\x7e]*$/))

/** What a migration may be called: it names files, and is printed. */
export const migrationIdSchema = v.pipe(v.string(), v.regex(/^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$/))

const factsSchema = v.object({
  /** How the devices are opened again: `held:…` and `vfio-user:…` outlive the engine. */
  devices: v.pipe(
    v.array(
      v.object({
        spec: printable(1024),
        protocol: v.picklist(['v1', 'v2']),
        /** Who held it besides the engine; without one it is lost with the engine. */
        holder: v.optional(printable(128)),
      }),
    ),
    v.minLength(1),
    v.maxLength(256),
  ),
  /** Source: where the destination listens. Destination: where it listened itself. */
  address: printable(1024),
  /** What the two engines agreed on, by which the source is known when it comes back. A secret: the file is its owner's alone. */
  key: v.optional(printable(128)),
})

const headerSchema = v.object({
  journal: v.literal(1),
  id: migrationIdSchema,
  side: v.picklist(['source', 'destination']),
  created: printable(64),
  facts: factsSchema,
})

const records = [
  'begun',
  'loaded',
  'committed',
  'aborted',
  'running',
  'done',
  'resumed-by-operator',
  'promoted-by-operator',
] as const satisfies readonly CommitRecord[]

const recordSchema = v.object({
  n: v.pipe(v.number(), v.integer(), v.minValue(1)),
  record: v.picklist(records),
  at: printable(64),
})

/** What is known of a migration besides its records. */
export type JournalFacts = v.InferOutput<typeof factsSchema>
export type JournalHeader = v.InferOutput<typeof headerSchema>
export type JournalLine = v.InferOutput<typeof recordSchema>

export interface JournalContents {
  readonly header: JournalHeader
  readonly lines: readonly JournalLine[]
  /** Where the next record goes. */
  readonly end: number
  /** A record was being written when its writer died: it counts as not written. */
  readonly torn: boolean
}

/** One line, checksum first. */
export function encodeLine(value: JournalHeader | JournalLine): Buffer {
  const json = JSON.stringify(value)
  return Buffer.from(`${checksum(Buffer.from(json))} ${json}\n`)
}

/**
 * Reads a whole journal.
 * @throws {VfioError} `ERR_VFIO_JOURNAL`: not a journal, or damaged anywhere but in the record that was written last
 */
export function decodeJournal(bytes: Buffer, path: string): JournalContents {
  const damaged = (why: string): never => {
    throw new VfioError('ERR_VFIO_JOURNAL', `${path}: ${why}`)
  }
  const first = nextLine(bytes, 0)
  if (first === undefined || first.end > MAX_HEADER) return damaged('its first line is missing or damaged')
  const header = v.safeParse(headerSchema, first.value)
  if (!header.success) return damaged('its first line is not one of a journal that this release knows')
  const lines: JournalLine[] = []
  let { end } = first
  for (;;) {
    const line = nextLine(bytes, end)
    if (line === undefined) break
    const record = v.safeParse(recordSchema, line.value)
    if (!record.success || record.output.n !== lines.length + 1)
      return damaged(`record ${lines.length + 1} is not one`)
    lines.push(record.output)
    end = line.end
  }
  const rest = bytes.subarray(end)
  const torn = rest.some((byte) => byte !== 0)
  // Only the last record can be half written: something whole behind it means that the one before was damaged later.
  const newline = rest.indexOf(0x0a)
  if (torn && newline !== -1 && nextLine(bytes, end + newline + 1) !== undefined) {
    return damaged(`record ${lines.length + 1} is damaged, and others follow it`)
  }
  return { header: header.output, lines, end, torn }
}

function nextLine(
  bytes: Buffer,
  from: number,
): { readonly value: unknown; readonly end: number } | undefined {
  const newline = bytes.indexOf(0x0a, from)
  if (newline === -1 || newline - from < 10) return undefined
  const json = bytes.subarray(from + 9, newline)
  if (bytes.toString('latin1', from, from + 9) !== `${checksum(json)} `) return undefined
  try {
    return { value: JSON.parse(json.toString('utf8')), end: newline + 1 }
  } catch {
    return undefined
  }
}

function checksum(bytes: Buffer): string {
  return crc32(bytes).toString(16).padStart(8, '0')
}
