// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { throwIfAborted, unwrap, VfioAbortError, VfioError } from '../errors/index.js'
import type { NativeEventFd } from '../native-binding.js'

interface Waiter {
  arrived(count: number): void
  refused(error: Error): void
}

/**
 * A counter in the kernel (`eventfd(2)`): whoever has its descriptor adds to it, and whoever waits takes the sum. VFIO delivers interrupts
 * this way, and takes orders this way (unmask, {@link Region.ioeventfd}); KVM's irqfd and ioeventfd speak the same.
 *
 * Nothing is lost and nothing piles up: signals that nobody waits for add up in the kernel, and the next wait takes their sum. Only a wait
 * reads the counter, so an eventfd can be made here and read elsewhere. All waiting of a thread costs one more thread, whatever the number.
 *
 * While somebody waits the process stays alive, unless {@link unref} was called.
 */
export class EventFd implements AsyncIterable<number>, Disposable, AsyncDisposable {
  readonly #native: NativeEventFd
  readonly #waiters: Waiter[] = []
  /** What arrived for somebody who had given up by then. */
  #kept = 0
  #closed = false
  #keepsAlive = true

  private constructor(native: NativeEventFd) {
    this.#native = native
    native.onsignal = (count) => this.#arrived(count)
  }

  /** A new one, non-blocking and close-on-exec. @throws {VfioSystemError} EMFILE, ENFILE, ENOMEM */
  static open(): EventFd {
    return new EventFd(unwrap(binding().openEventFd()))
  }

  /**
   * A duplicate of somebody else's, which stays open and theirs. It has to be non-blocking (`EFD_NONBLOCK`).
   * @throws {VfioError} `ERR_VFIO_MALFORMED`: it is no eventfd, or a blocking one
   * @throws {VfioSystemError} EBADF, EMFILE
   */
  static adopt(descriptor: number): EventFd {
    if (!Number.isInteger(descriptor) || descriptor < 0 || descriptor > 0x7fff_ffff)
      throw new RangeError(`${descriptor} is not a descriptor`)
    return new EventFd(unwrap(binding().adoptEventFd(descriptor)))
  }

  /** Borrowed: it is closed with this object. @throws {VfioError} `ERR_VFIO_CLOSED` */
  get descriptor(): number {
    return this.#open().descriptor
  }

  get closed(): boolean {
    return this.#closed
  }

  /** @internal For calls that take an eventfd: they hold it open by themselves. */
  get native(): NativeEventFd {
    return this.#open()
  }

  #open(): NativeEventFd {
    if (this.#closed) throw new VfioError('ERR_VFIO_CLOSED', 'the eventfd is closed')
    return this.#native
  }

  /**
   * Adds to the counter.
   * @param count 1 to 2^53 - 1
   * @throws {VfioSystemError} EAGAIN: the counter would exceed 2^64 - 2
   */
  signal(count = 1): void {
    if (!Number.isSafeInteger(count) || count < 1)
      throw new RangeError(`count must be an integer from 1, not ${count}`)
    unwrap(this.#open().signal(count))
  }

  /** Takes what has been counted without waiting; 0 when nothing has. */
  take(): number {
    const kept = this.#kept
    const count = unwrap(this.#open().take())
    this.#kept = 0
    return kept + count
  }

  /**
   * Waits for the next signal and takes the sum of all since the last. Of several who wait, the one who came first gets it.
   * @returns at least 1
   * @throws {VfioError} `ERR_VFIO_CLOSED` when it is or gets closed
   * @throws {VfioAbortError} nothing is taken then
   */
  async wait({ signal }: { signal?: AbortSignal } = {}): Promise<number> {
    throwIfAborted(signal)
    const native = this.#open()
    if (this.#kept > 0 && this.#waiters.length === 0) return this.take()
    unwrap(native.arm())
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1)
        if (this.#waiters.length === 0) native.disarm()
        this.#hold()
        reject(new VfioAbortError(signal?.reason))
      }
      const waiter: Waiter = {
        arrived(count) {
          signal?.removeEventListener('abort', abort)
          resolve(count)
        },
        refused(error) {
          signal?.removeEventListener('abort', abort)
          reject(error)
        },
      }
      this.#waiters.push(waiter)
      signal?.addEventListener('abort', abort, { once: true })
      this.#hold()
    })
  }

  /** The counts as they come, until it is closed. What is signalled while a count is being dealt with adds up to the next. */
  async *counts(options: { signal?: AbortSignal } = {}): AsyncGenerator<number, void, undefined> {
    while (!this.#closed) {
      let count: number
      try {
        count = await this.wait(options)
      } catch (error) {
        if (this.#closed) return
        throw error
      }
      yield count
    }
  }

  [Symbol.asyncIterator](): AsyncGenerator<number, void, undefined> {
    return this.counts()
  }

  /** From now on waiting keeps the process alive (as it does from the start). */
  ref(): this {
    this.#keepsAlive = true
    this.#hold()
    return this
  }

  /** From now on waiting does not keep the process alive. */
  unref(): this {
    this.#keepsAlive = false
    this.#hold()
    return this
  }

  #hold(): void {
    if (this.#keepsAlive && this.#waiters.length > 0) this.#native.hold()
    else this.#native.release()
  }

  #arrived(count: number): void {
    const waiter = this.#waiters.shift()
    if (waiter === undefined) {
      this.#kept += count
      return
    }
    if (this.#waiters.length > 0) this.#native.arm()
    this.#hold()
    const kept = this.#kept
    this.#kept = 0
    waiter.arrived(kept + count)
  }

  /** Whoever waits is refused, iterations end. Idempotent. */
  close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#native.close()
    for (const waiter of this.#waiters.splice(0)) {
      waiter.refused(new VfioError('ERR_VFIO_CLOSED', 'the eventfd was closed'))
    }
  }

  [Symbol.dispose](): void {
    this.close()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close()
  }
}
