// SPDX-License-Identifier: MIT
import type { Child, Children } from './children.js'

/** A register write that the kernel does at each signal of an eventfd, until this is closed (or the device is). */
export class Ioeventfd implements Child, AsyncDisposable {
  readonly #siblings: Children
  readonly #takeBack: () => Promise<void>
  #closing: Promise<void> | undefined

  /** @internal They come from `region.ioeventfd()`. */
  constructor(siblings: Children, takeBack: () => Promise<void>) {
    this.#siblings = siblings
    this.#takeBack = takeBack
  }

  /** Idempotent. The eventfd stays open. */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#siblings.delete(this)
      await this.#takeBack()
    })()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
