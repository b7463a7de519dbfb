// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { unwrap } from '../errors/index.js'
import type { NativeFileLock } from '../native-binding.js'

/**
 * An exclusive lock on a whole file that says "my owner lives": an open file description lock (fcntl(2), `F_OFD_SETLK`). It belongs to the
 * open file, with all duplicates of its descriptor, and goes with the last of them, also when the process is killed. Opened a second time,
 * even in this process, the file is another's.
 */
export class FileLock implements AsyncDisposable {
  readonly #native: NativeFileLock
  #released: Promise<unknown> | undefined

  private constructor(native: NativeFileLock) {
    this.#native = native
  }

  /**
   * Takes the lock on what `fd` has open, which is borrowed and must be open for writing; `undefined` if another has it. Never waits.
   * @throws {VfioSystemError} `EBADF`: not open, or not for writing
   */
  static async tryLock(fd: number): Promise<FileLock | undefined> {
    const native = unwrap(await binding().lockDescriptor(fd))
    return native === null ? undefined : new FileLock(native)
  }

  /** Whether another open file has the lock, now; it is not taken. */
  static async isHeld(fd: number): Promise<boolean> {
    return unwrap(await binding().isDescriptorLocked(fd))
  }

  /** At once, whoever else has the same open file. Idempotent. */
  async release(): Promise<void> {
    this.#released ??= this.#release()
    await this.#released
  }

  async #release(): Promise<void> {
    unwrap(await this.#native.release())
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release()
  }
}
