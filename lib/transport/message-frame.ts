// SPDX-License-Identifier: MIT
// A message on the wire: its length in bytes, as four bytes with the most significant first, then itself.
import { VfioError } from '../errors/index.js'

/** Bytes. */
export const maxMessageBytes = 256 * 1024

const HEADER = 4

/** @throws {VfioError} `ERR_VFIO_MALFORMED`: empty or too large */
export function frameOf(message: Uint8Array): Uint8Array {
  check(message.byteLength, 'the message to send')
  const frame = new Uint8Array(HEADER + message.byteLength)
  new DataView(frame.buffer).setUint32(0, message.byteLength)
  frame.set(message, HEADER)
  return frame
}

/** Puts one message after the other together from bytes that come in pieces. It never asks for a byte beyond the present message. */
export class MessageAssembler {
  readonly #header = new Uint8Array(HEADER)
  #body: Uint8Array | undefined
  #filled = 0

  /** How many bytes to bring at most: never 0. */
  get wanted(): number {
    return (this.#body ?? this.#header).byteLength - this.#filled
  }

  /** Whether a message has begun. */
  get begun(): boolean {
    return this.#body !== undefined || this.#filled > 0
  }

  /**
   * Takes 1 to {@link wanted} bytes, and returns the message if they complete it.
   * @throws {VfioError} `ERR_VFIO_MALFORMED`: its length is impossible
   */
  take(bytes: Uint8Array): Uint8Array | undefined {
    const target = this.#body ?? this.#header
    target.set(bytes, this.#filled)
    this.#filled += bytes.byteLength
    if (this.#filled < target.byteLength) return undefined
    this.#filled = 0
    if (this.#body === undefined) {
      const length = new DataView(this.#header.buffer).getUint32(0)
      check(length, 'what the peer announces')
      this.#body = new Uint8Array(length)
      return undefined
    }
    this.#body = undefined
    return target
  }
}

function check(length: number, what: string): void {
  if (length >= 1 && length <= maxMessageBytes) return
  throw new VfioError(
    'ERR_VFIO_MALFORMED',
    `${what} has ${length} bytes; a message has 1 to ${maxMessageBytes}`,
  )
}
