// SPDX-License-Identifier: MIT
import { EventEmitter } from 'node:events'
import { VfioError } from '../errors/index.js'
import type { Interrupts } from './interrupts.js'

/** What a driver has to tell the owner of a device. */
export type NoticeKind = 'request' | 'device-error' | 'unplugged'

export interface Notice {
  readonly kind: NoticeKind
  /** The device, as it was specified. */
  readonly device: string
  /** How often it was signalled since the last notice of this kind; the kernel repeats a request every ten seconds. */
  readonly count: number
}

export interface NoticeOptions {
  /**
   * How long the device stays open after the kernel asked for it back and nobody listens, in milliseconds. Default 10000; `false`: it is
   * never closed by itself.
   */
  readonly requestGrace?: number | false
}

/** What the notices of a device need from it. */
export interface NoticesOwner {
  readonly spec: string
  interrupts(kind: 'request' | 'error'): Promise<Interrupts>
  /** Whether the device has left the bus: it answers everything with ones. */
  isGone(): Promise<boolean>
  close(): Promise<void>
}

const DEFAULT_GRACE = 10_000

/** How a device says that it has no such notifier. */
const absent: ReadonlySet<string> = new Set([
  'ERR_VFIO_NO_SUCH_INTERRUPT',
  'ERR_VFIO_UNSUPPORTED',
  'ENOTTY',
  'EINVAL',
])

/**
 * News from the driver of a device: an `EventEmitter` with the events
 *
 * - `request`: the kernel wants the device back, because somebody unbinds its driver or removes it. That somebody **waits in the kernel, and
 *   cannot be interrupted, until every descriptor of the device is closed**: answer by ending what is in progress and closing the device.
 * - `unplugged`: the same, and the device has left the bus already: there is nothing to save.
 * - `device-error`: the device reported an error that was not corrected (PCI Express AER). It needs a reset at least. Not called `error`, which
 *   would throw where nobody listens and end everybody else's `events.once()`; a warning is given then.
 *
 * If nobody listens to `request` or `unplugged`, the device is closed by itself, with a warning: after `requestGrace`, or at once when it is
 * unplugged. Calls in progress then fail with `ERR_VFIO_CLOSED` or as aborted. Whoever listens decides alone, and the unbind waits for him.
 *
 * Listening does not keep the process alive.
 */
export class DeviceNotices extends EventEmitter<Record<NoticeKind, [Notice]>> {
  readonly #owner: NoticesOwner
  #started: Promise<void> | undefined
  #grace: number | false = DEFAULT_GRACE
  #closing: NodeJS.Timeout | undefined

  /** @internal They belong to a device. */
  constructor(owner: NoticesOwner) {
    super()
    this.#owner = owner
  }

  /**
   * Arms the notifiers the device has. `openDevice` does it, except for a device that another process handed over: its notifiers may be in use
   * there, and there is one of each only. Again: nothing.
   */
  start({ requestGrace = DEFAULT_GRACE }: NoticeOptions = {}): Promise<void> {
    if (requestGrace !== false && !(requestGrace >= 0 && requestGrace <= 0x7fff_ffff))
      throw new RangeError(`requestGrace must be false or from 0 to 2147483647 ms, not ${requestGrace}`)
    this.#grace = requestGrace
    this.#started ??= (async () => {
      await this.#watch('request', (count) => this.#requested(count))
      await this.#watch('error', (count) => {
        this.#notify('device-error', count)
      })
    })()
    return this.#started
  }

  async #watch(kind: 'request' | 'error', signalled: (count: number) => Promise<void> | void): Promise<void> {
    let interrupts: Interrupts
    try {
      interrupts = await this.#owner.interrupts(kind)
      await interrupts.enable(1)
    } catch (error) {
      if (!(error instanceof VfioError)) throw error
      // A device without this notifier (mtty, the error index off PCI Express) is still a device.
      if (!absent.has(error.code)) this.#warn(`cannot be watched for a ${kind}: ${error.message}`)
      return
    }
    const event = interrupts.vector(0).unref()
    ;(async () => {
      for await (const count of event) await signalled(count)
    })().catch((error) => process.emitWarning(error))
  }

  async #requested(count: number): Promise<void> {
    const unplugged = await this.#owner.isGone().catch(() => false)
    const kind = unplugged ? 'unplugged' : 'request'
    if (this.#notify(kind, count) || this.#grace === false || this.#closing) return
    const grace = unplugged ? 0 : this.#grace
    this.#closing = setTimeout(() => {
      this.#closing = undefined
      // Somebody may have begun to listen meanwhile: then it is his.
      if (!this.#notify(kind, 0)) void this.#owner.close().catch((error) => process.emitWarning(error))
    }, grace)
    this.#closing.unref()
    this.#warn(
      unplugged
        ? 'has left the bus, and nobody listens to its notices: it is closed'
        : `is wanted back by the kernel, and nobody listens to its notices: it is closed in ${grace} ms`,
    )
  }

  /** Whether anybody listened. */
  #notify(kind: NoticeKind, count: number): boolean {
    if (this.listenerCount(kind) === 0) {
      if (kind === 'device-error')
        this.#warn('reported an error that was not corrected, and nobody listens to its notices')
      return false
    }
    return this.emit(kind, { kind, device: this.#owner.spec, count })
  }

  #warn(what: string): void {
    process.emitWarning(`${this.#owner.spec} ${what}`, { type: 'VfioNoticeWarning' })
  }

  /** @internal */
  stop(): void {
    clearTimeout(this.#closing)
    this.#closing = undefined
  }
}
