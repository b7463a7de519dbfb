// SPDX-License-Identifier: MIT
// A second reader of the stream format, made from docs/stream-format.md alone: it shares nothing with the package, so that
// the document and the package cannot be wrong together. For whole streams in memory; not made to be fast.
import { createHash, createHmac, timingSafeEqual } from 'node:crypto'

export interface StreamSection {
  number: number
  about: Record<string, unknown>
  chunks: Buffer[]
}

export interface WholeStream {
  manifest: Record<string, unknown>
  sections: StreamSection[]
}

const MAGIC = Buffer.from([0x89, 0x56, 0x46, 0x4d, 0x0d, 0x0a, 0x1a, 0x0a])
const DIGESTS = 1
const KEYED = 2
const MAY_BE_SKIPPED = 1
const MIB = 1024 * 1024

export function crc32(bytes: Uint8Array): number {
  let value = 0xffffffff
  for (const byte of bytes) {
    value ^= byte
    for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1
  }
  return ~value >>> 0
}

function check(condition: boolean, complaint: string): asserts condition {
  if (!condition) throw new Error(complaint)
}

function object(payload: Buffer): Record<string, unknown> {
  const value: unknown = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(payload))
  check(
    typeof value === 'object' && value !== null && !Array.isArray(value),
    'the payload is not a JSON object',
  )
  return value as Record<string, unknown>
}

/** Throws unless `bytes` are exactly one stream; with a key, unless that key made it. */
export function readStream(
  bytes: Buffer,
  options: { key?: Buffer; longestChunk?: number } = {},
): WholeStream {
  let at = 0
  const take = (count: number): Buffer => {
    check(count <= bytes.length - at, 'the stream is truncated')
    at += count
    return bytes.subarray(at - count, at)
  }

  const preamble = take(16)
  check(preamble.subarray(0, 8).equals(MAGIC), 'another kind of file')
  check(preamble.readUInt32LE(12) === crc32(preamble.subarray(0, 12)), 'preamble: CRC')
  check(preamble.readUInt16LE(8) === 1, 'another version')
  const mode = preamble.readUInt16LE(10)
  check(mode === 0 || mode === DIGESTS || mode === (DIGESTS | KEYED), 'preamble: flags')
  check(options.key === undefined || (mode & KEYED) !== 0, 'the stream is not keyed')

  const headers = createHash('sha256').update(preamble)
  const trailers = createHash('sha256')
  const sections: StreamSection[] = []
  const open = new Map<number, StreamSection>()
  let manifest: Record<string, unknown> | undefined
  let dataBytes = 0n

  for (let sequence = 0n; ; sequence++) {
    const header = take(32)
    check(header.readUInt32LE(28) === crc32(header.subarray(0, 28)), 'header: CRC')
    const type = header.readUInt16LE(0)
    const flags = header.readUInt16LE(2)
    const number = header.readUInt32LE(4)
    const length = header.readBigUInt64LE(16)
    const known = type >= 1 && type <= 5
    check(header.readBigUInt64LE(8) === sequence, 'header: sequence')
    check(flags === (known ? 0 : MAY_BE_SKIPPED), 'header: unknown type or flags')
    check(length <= BigInt(type === 3 ? (options.longestChunk ?? 64 * MIB) : MIB), 'header: length')
    check((sequence === 0n) === (type === 1), 'the manifest is not the first frame')
    const payload = take(Number(length))
    check(header.readUInt32LE(24) === crc32(payload), 'payload: CRC')

    if (type === 5) {
      check(number === 0 && open.size === 0, 'end record: sections')
      check(payload.length === (mode & KEYED ? 120 : mode & DIGESTS ? 88 : 56), 'end record: size')
      check(payload.readBigUInt64LE(0) === sequence, 'end record: frames')
      check(payload.readBigUInt64LE(8) === BigInt(bytes.length) && at === bytes.length, 'end record: length')
      check(payload.readBigUInt64LE(16) === dataBytes, 'end record: data bytes')
      check(payload.subarray(24, 56).equals(headers.digest()), 'end record: headers')
      if (mode & DIGESTS) check(payload.subarray(56, 88).equals(trailers.digest()), 'end record: digests')
      if (options.key) {
        const mac = createHmac('sha256', options.key).update(payload.subarray(0, 88)).digest()
        check(timingSafeEqual(payload.subarray(88), mac), 'end record: MAC')
      }
      check(manifest !== undefined, 'no manifest')
      return { manifest, sections }
    }

    headers.update(header)
    if (mode & DIGESTS) {
      const trailer = take(32)
      check(trailer.equals(createHash('sha256').update(payload).digest()), 'payload: SHA-256')
      trailers.update(trailer)
    }
    const section = open.get(number)
    if (type === 1) {
      check(number === 0, 'manifest: section')
      manifest = object(payload)
    } else if (type === 2) {
      check(number === sections.length + 1 && open.size < 1024, 'section-begin: number')
      const begun: StreamSection = { number, about: object(payload), chunks: [] }
      sections.push(begun)
      open.set(number, begun)
    } else if (type === 3) {
      check(section !== undefined && payload.length > 0, 'data: section or size')
      section.chunks.push(payload)
      dataBytes += length
    } else if (type === 4) {
      check(open.delete(number), 'section-end: section')
      if (payload.length > 0) object(payload)
    } else {
      check(number === 0 || section !== undefined, 'skipped frame: section')
    }
  }
}
