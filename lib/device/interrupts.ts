// SPDX-License-Identifier: MIT
import { beginning, channels } from '../diagnostics/channels.js'
import type { DeviceTrace } from '../diagnostics/device-trace.js'
import { unwrap, VfioError } from '../errors/index.js'
import type { NativeDevice, NativeEventFd, NativeIrqInfo } from '../native-binding.js'
import type { Child } from './children.js'
import { EventFd } from './event-fd.js'
import { noSuchInterrupt } from './interrupt-index.js'

/** `VFIO_IRQ_INFO_*`. */
export interface InterruptFlags {
  /** Can be delivered to an eventfd. */
  readonly eventFd: boolean
  /** {@link Interrupts.mask} and {@link Interrupts.unmask} work. */
  readonly maskable: boolean
  /** Masked by each delivery, until it is unmasked. */
  readonly autoMasked: boolean
  /** Cannot grow while enabled: {@link Interrupts.enable} then disables and enables all of it anew. */
  readonly noResize: boolean
}

/** Where a vector is delivered: an {@link EventFd}, the descriptor of an eventfd that is somebody else's, or nowhere. */
export type VectorTarget = EventFd | number | null

/** What an Interrupts object needs from its device. */
export interface InterruptsOwner {
  readonly spec: string
  readonly trace: DeviceTrace
  /** Throws `ERR_VFIO_CLOSED`. */
  native(): NativeDevice
  /** Of the other indexes that cannot be enabled together with this one, the name of the one that is. */
  rival(of: Interrupts): string | undefined
  isClosed(): boolean
}

/**
 * One interrupt index of a device: INTx, MSI, MSI-X or a notifier. `VFIO_DEVICE_SET_IRQS` goes on the device's urgent lane: it never waits
 * behind a state change.
 *
 * A PCI device uses one of INTx, MSI and MSI-X at a time. MSI and MSI-X are writes to memory: without bus mastering (bit 2 of the PCI
 * command register) none arrives.
 */
export class Interrupts implements Child, AsyncDisposable {
  readonly #owner: InterruptsOwner
  readonly index: number
  /** `intx`, `msi`, ..., or `interrupt index N`. */
  readonly name: string
  /** How many there are. */
  readonly count: number
  readonly flags: InterruptFlags
  #targets: readonly VectorTarget[] = []
  /** With how many vectors the kernel was asked when nothing was enabled. */
  #reserved = 0
  #unmasker: EventFd | number | null = null
  readonly #own = new Map<number, EventFd>()
  #turn: Promise<unknown> = Promise.resolve()

  /** @internal They come from `device.interrupts()`. */
  constructor(owner: InterruptsOwner, name: string, info: NativeIrqInfo) {
    this.#owner = owner
    this.index = info.index
    this.name = name
    this.count = info.count
    this.flags = {
      eventFd: (info.flags & 1) !== 0,
      maskable: (info.flags & 2) !== 0,
      autoMasked: (info.flags & 4) !== 0,
      noResize: (info.flags & 8) !== 0,
    }
  }

  /** Whether this object has enabled it. */
  get enabled(): boolean {
    return this.#targets.length > 0
  }

  /** The vectors that are delivered somewhere. */
  get vectors(): number[] {
    return [...this.#targets.keys()].filter((vector) => this.#targets[vector] !== null)
  }

  /**
   * Delivers vectors from now on; replaces what was set before. On an index with `noResize` a larger set than before is disabled and enabled
   * anew, and an interrupt in between is lost: {@link kick} afterwards if that matters.
   *
   * @param vectors how many, from vector 0 on, each to an {@link EventFd} of its own ({@link vector}); or where each goes. What is given
   *   stays the giver's: the kernel keeps a reference of its own to each.
   * @throws {RangeError} more than there are, or none
   * @throws {VfioError} `ERR_VFIO_BUSY`: another of INTx, MSI and MSI-X is enabled through this device object
   * @throws {VfioSystemError} EINVAL: another is enabled by somebody else; ENOSPC: the machine has fewer vectors left (nothing is enabled
   *   then); EBADF, ENOMEM, ENODEV, EBUSY, each with its meaning
   */
  enable(vectors: number | readonly VectorTarget[] = this.count): Promise<void> {
    return this.#inTurn(async () => {
      const wanted = typeof vectors === 'number' ? vectors : vectors.length
      if (!Number.isInteger(wanted) || wanted < 1 || wanted > this.count)
        throw new RangeError(`${this.name} of ${this.#owner.spec} has ${this.count} vectors, not ${wanted}`)
      const rival = this.#owner.rival(this)
      if (rival !== undefined) {
        throw new VfioError(
          'ERR_VFIO_BUSY',
          `${this.#owner.spec}: ${rival} is enabled, and a device uses one of INTx, MSI and MSI-X at a time: disable it first`,
          { device: this.#owner.spec },
        )
      }
      await this.#set(typeof vectors === 'number' ? this.#ownTargets(vectors) : [...vectors])
    })
  }

  #ownTargets(count: number): EventFd[] {
    return Array.from({ length: count }, (_, vector) => {
      const known = this.#own.get(vector)
      if (known) return known
      const made = EventFd.open()
      this.#own.set(vector, made)
      return made
    })
  }

  async #set(targets: readonly VectorTarget[]): Promise<void> {
    if (this.enabled && this.flags.noResize && targets.length > this.#reserved) await this.#off()
    // What is not in the new set is taken away in the same call.
    const all = [...targets, ...Array<null>(Math.max(0, this.#targets.length - targets.length)).fill(null)]
    await this.#request('trigger', 0, all.map(eventOf))
    if (!this.enabled) this.#reserved = all.length
    this.#targets = targets
  }

  async #off(): Promise<void> {
    try {
      await this.#request('trigger', 0, 0)
    } catch (error) {
      // Nothing is armed: a reset, or another holder of the device, has seen to it.
      if (!(error instanceof VfioError && error.code === 'EINVAL')) throw error
    }
    this.#targets = []
    this.#reserved = 0
    this.#unmasker = null
  }

  /** Ends delivery of all of it; the eventfds stay open and keep what they count. Nothing happens when nothing is enabled. */
  disable(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.enabled) await this.#off()
    })
  }

  /**
   * Where vector `number` is delivered: iterate over it, or wait. On an `autoMasked` index {@link unmask} after each.
   * @throws {VfioError} `ERR_VFIO_NO_SUCH_INTERRUPT`: it is not enabled, or was given as a bare descriptor
   */
  vector(number: number): EventFd {
    const target = this.#targets[number]
    if (target instanceof EventFd) return target
    throw noSuchInterrupt(
      this.#owner.spec,
      typeof target === 'number'
        ? `vector ${number} of ${this.name} goes to descriptor ${target}, which is not ours to read`
        : `vector ${number} of ${this.name} is not enabled`,
    )
  }

  /** Holds delivery back. @throws {VfioError} `ERR_VFIO_UNSUPPORTED` where it is not maskable */
  async mask(): Promise<void> {
    this.#checkMaskable()
    await this.#request('mask', 0, this.count)
  }

  /** Lets deliveries through again; an INTx line that is still up interrupts at once. @throws {VfioError} `ERR_VFIO_UNSUPPORTED` */
  async unmask(): Promise<void> {
    this.#checkMaskable()
    await this.#request('unmask', 0, this.count)
  }

  /**
   * From now on the kernel unmasks by itself whenever `event` is signalled (VMMs call it resampling): by a guest through KVM, say, without
   * this process. null ends that. Disabling ends it too.
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED` where it is not maskable
   */
  unmaskOn(event: EventFd | number | null): Promise<void> {
    return this.#inTurn(async () => {
      this.#checkMaskable()
      // The kernel refuses a second one (EBUSY) until the first is gone.
      if (this.#unmasker !== null) await this.#request('unmask', 0, [-1])
      this.#unmasker = null
      if (event !== null) await this.#request('unmask', 0, [eventOf(event)])
      this.#unmasker = event
    })
  }

  /** Has the driver signal vectors as if the device had (loopback). Default: all that are enabled. */
  async trigger(vectors: number | readonly number[] = this.vectors): Promise<void> {
    const chosen = typeof vectors === 'number' ? [vectors] : vectors
    const armed = new Set(this.vectors)
    for (const vector of chosen) {
      if (!armed.has(vector))
        throw noSuchInterrupt(this.#owner.spec, `vector ${vector} of ${this.name} is not enabled`)
    }
    if (chosen.length === 0) return
    const last = Math.max(...chosen)
    const only = new Set(chosen)
    await this.#request(
      'trigger',
      0,
      Array.from({ length: last + 1 }, (_, vector) => only.has(vector)),
    )
  }

  /**
   * Signals every enabled vector once: after a pause in which interrupts may have been lost (a migration, a new {@link enable}), so that whoever
   * waits looks at the device.
   */
  kick(): Promise<void> {
    return this.trigger()
  }

  /**
   * Disables and enables the same vectors again, then kicks them: for after a reset, which some paths do not survive with interrupts armed.
   * Nothing happens when nothing is enabled.
   */
  rearm(): Promise<void> {
    return this.#inTurn(async () => {
      const targets = this.#targets
      const unmasker = this.#unmasker
      if (targets.length === 0) return
      await this.#off()
      await this.#set(targets)
      if (unmasker !== null) {
        await this.#request('unmask', 0, [eventOf(unmasker)])
        this.#unmasker = unmasker
      }
      await this.trigger()
    })
  }

  #checkMaskable(): void {
    if (this.flags.maskable) return
    throw new VfioError('ERR_VFIO_UNSUPPORTED', `${this.#owner.spec}: ${this.name} cannot be masked`, {
      device: this.#owner.spec,
    })
  }

  // Changes of what is enabled: one at a time, in the order they were asked for.
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(work)
    this.#turn = done.catch(() => {})
    return done
  }

  async #request(
    action: 'mask' | 'unmask' | 'trigger',
    start: number,
    data: number | readonly boolean[] | readonly (NativeEventFd | number)[],
  ): Promise<void> {
    const began = beginning(channels.interrupt)
    const outcome = await this.#owner.native().setIrqs(this.index, start, action, data)
    if (began !== undefined) {
      const vectors = typeof data === 'number' ? data : data.length
      this.#owner.trace.interrupt(began, outcome, { interrupt: this.name, action, vectors })
    }
    unwrap(outcome, this.#owner.spec)
  }

  /** Disables it and closes the eventfds that are its own: whoever waits is refused. It can be enabled again. Idempotent. */
  async close(): Promise<void> {
    try {
      await this.disable()
    } catch (error) {
      // With the device gone, nothing is enabled any more.
      if (!this.#owner.isClosed()) throw error
    } finally {
      this.#targets = []
      for (const event of this.#own.values()) event.close()
      this.#own.clear()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function eventOf(target: VectorTarget): NativeEventFd | number {
  if (target === null) return -1
  return typeof target === 'number' ? target : target.native
}
