// SPDX-License-Identifier: MIT
import type { NativeMapping } from '../native-binding.js'
import type { Children } from './children.js'

/**
 * Device memory mapped into this process. {@link buffer} is a view of the device itself, not a copy: it is detached by {@link close}, and
 * must not be handed to anything that keeps it (a socket, a Worker's transfer list).
 */
export class RegionMapping implements AsyncDisposable {
  readonly #native: NativeMapping
  readonly #siblings: Children

  /** @internal Mappings come from `region.map()`. */
  constructor(native: NativeMapping, siblings: Children) {
    this.#native = native
    this.#siblings = siblings
  }

  /** In bytes. */
  get size(): number {
    return this.#native.size
  }

  /** The same ArrayBuffer at each call. Empty once closed. */
  get buffer(): ArrayBuffer {
    return this.#native.buffer()
  }

  /** Detaches the buffer and unmaps. Idempotent. */
  async close(): Promise<void> {
    this.#siblings.delete(this)
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
