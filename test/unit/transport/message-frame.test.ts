// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { frameOf, MessageAssembler, maxMessageBytes } from '../../../lib/transport/message-frame.js'

const malformed = expect.objectContaining({ code: 'ERR_VFIO_MALFORMED' })

/** Feeds `bytes` in pieces of the given sizes, never more than is wanted. */
function assemble(bytes: Uint8Array, sizes: readonly number[]): Uint8Array[] {
  const assembler = new MessageAssembler()
  const messages: Uint8Array[] = []
  for (let at = 0, piece = 0; at < bytes.byteLength; piece++) {
    const size = Math.min(assembler.wanted, sizes[piece % sizes.length] ?? 1, bytes.byteLength - at)
    const message = assembler.take(bytes.subarray(at, at + size))
    if (message !== undefined) messages.push(message)
    at += size
  }
  expect(assembler.begun).toBe(false)
  return messages
}

describe('messages in a stream of bytes', () => {
  it('come out as they went in, however the bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.uint8Array({ minLength: 1, maxLength: 300 }), { maxLength: 8 }),
        fc.array(fc.integer({ min: 1, max: 64 }), { minLength: 1, maxLength: 16 }),
        (messages, sizes) => {
          const stream = Buffer.concat(messages.map(frameOf))
          expect(assemble(stream, sizes)).toEqual(messages)
        },
      ),
    )
  })

  it('may have the largest size there is, and no more, and at least one byte', () => {
    const largest = new Uint8Array(maxMessageBytes).fill(7)
    const [message] = assemble(frameOf(largest), [65536])
    expect(Buffer.from(message ?? []).equals(largest)).toBe(true)
    expect(() => frameOf(new Uint8Array(maxMessageBytes + 1))).toThrow(malformed)
    expect(() => frameOf(new Uint8Array(0))).toThrow(malformed)
  })

  it.each([0, maxMessageBytes + 1, 0xffff_ffff])('of an announced length of %d are refused', (length) => {
    const header = new Uint8Array(4)
    new DataView(header.buffer).setUint32(0, length)
    expect(() => new MessageAssembler().take(header)).toThrow(malformed)
  })

  it('want no byte beyond their own', () => {
    const assembler = new MessageAssembler()
    expect(assembler.wanted).toBe(4)
    assembler.take(Uint8Array.of(0, 0, 0))
    expect(assembler).toMatchObject({ wanted: 1, begun: true })
    assembler.take(Uint8Array.of(5))
    expect(assembler).toMatchObject({ wanted: 5, begun: true })
  })
})
