// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import { type Bundle, closeBundle } from './bundle.js'
import type { Descriptor } from './descriptor.js'
import type { DeviceFacts, HeldDevice, Role } from './messages.js'

/** Who has a device, for the refusal of the next one. */
export interface Lease {
  readonly pid: number
  readonly shared: boolean
}

// The states whose data a session carries.
const carrying = new Set(['pre-copy', 'pre-copy-p2p', 'stop-copy', 'resuming'])

/** One device that a keeper holds, with the session that was left with it. */
export class HeldEntry {
  readonly #bundle: Bundle
  #facts: DeviceFacts
  readonly #leases = new Set<Lease>()

  constructor(facts: DeviceFacts, bundle: Bundle) {
    this.#facts = facts
    this.#bundle = bundle
  }

  get facts(): DeviceFacts {
    return this.#facts
  }

  get leases(): number {
    return this.#leases.size
  }

  get status(): HeldDevice {
    return { ...this.#facts, leases: this.#leases.size, session: this.#bundle.has('session') }
  }

  /** Borrowed, the device first. */
  get descriptors(): { readonly roles: Role[]; readonly fds: number[] } {
    const entries = [...this.#bundle]
    return { roles: entries.map(([role]) => role), fds: entries.map(([, { fd }]) => fd) }
  }

  /** @throws {VfioError} `ERR_VFIO_IN_USE` */
  lend(lease: Lease): void {
    const [holder] = this.#leases
    if (holder !== undefined && !(holder.shared && lease.shared)) {
      throw new VfioError('ERR_VFIO_IN_USE', `process ${holder.pid} has borrowed ${this.#facts.name}`)
    }
    this.#leases.add(lease)
  }

  takeBack(lease: Lease): void {
    this.#leases.delete(lease)
  }

  /** What a client says of the device, and the session that its last state change brought. */
  async report(state: string, session: Descriptor | undefined): Promise<void> {
    this.#facts = { ...this.#facts, state }
    if (session === undefined && carrying.has(state)) return
    const before = this.#bundle.get('session')
    if (session === undefined) this.#bundle.delete('session')
    else this.#bundle.set('session', session)
    await before?.close()
  }

  /** Lets go of the device. If nobody else has it, its driver resets it. */
  close(): Promise<void> {
    return closeBundle(this.#bundle)
  }
}
