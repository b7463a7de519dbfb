// SPDX-License-Identifier: MIT
import type { WaitOptions } from './connection.js'

/** Bytes in order, both ways: what a kind of connection has to offer to carry messages. */
export interface ByteStream {
  /** 1 to `most` bytes; `undefined` at the end of what the peer sends. A failure has taken nothing. One call at a time. */
  read(most: number, wait: WaitOptions): Promise<Uint8Array | undefined>
  /** All of `bytes`, after what earlier calls were given. */
  write(bytes: Uint8Array, wait: WaitOptions): Promise<void>
  /** Every call, now and later, fails. */
  destroy(): void
}
