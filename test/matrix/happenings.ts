// SPDX-License-Identifier: MIT
// Everything that is done to the devices of a file's migrations, as the diagnostics channels tell it.
import { channels } from '../../lib/diagnostics/channels.js'
import type { DeviceEvent, FlightEvent, StateChangeEvent } from '../../lib/diagnostics/events.js'

/** What was done to one device. */
export class Happenings {
  readonly states: StateChangeEvent[] = []
  #count = 0
  #after: { readonly count: number; readonly act: () => void } | undefined

  /** Calls of any kind. */
  get count(): number {
    return this.#count
  }

  /** Does something once that many things have happened from here on. */
  after(count: number, act: () => void): void {
    this.#after = { count: this.#count + count, act }
  }

  /** @internal */
  tell(event: FlightEvent): void {
    if (event.kind === 'state') this.states.push(event)
    this.#count++
    if (this.#after === undefined || this.#count < this.#after.count) return
    const { act } = this.#after
    this.#after = undefined
    act()
  }
}

const watched = new Map<string, Happenings>()

function tell(message: unknown): void {
  const event = message as FlightEvent & DeviceEvent
  watched.get(event.device)?.tell(event)
}

for (const channel of [
  channels.state,
  channels.register,
  channels.feature,
  channels.chunk,
  channels.reset,
  channels.interrupt,
])
  channel.subscribe(tell)

/** From now on, until it is disposed of. Devices are told apart by their specifications, which must be unique. */
export function watch(spec: string): Happenings & Disposable {
  const happenings = new Happenings()
  watched.set(spec, happenings)
  return Object.assign(happenings, { [Symbol.dispose]: () => void watched.delete(spec) })
}
