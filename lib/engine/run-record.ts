// SPDX-License-Identifier: MIT
import type { Journal } from '../commit/journal.js'
import type { Member } from '../coordinator/member.js'
import { channels, monotonicNs } from '../diagnostics/channels.js'
import type { EnginePhase } from '../errors/index.js'
import type { FlightRecorder } from '../recorder/index.js'
import type { EngineMessage } from './messages.js'

/** What an engine tells of its run: to its flight recorder, or else to whoever listens on the diagnostics channels. */
export class RunRecord implements Disposable {
  readonly #recorder: FlightRecorder | undefined
  readonly #side: 'source' | 'destination'
  #members: readonly Member[] = []
  #watching: readonly Disposable[] = []

  constructor(side: 'source' | 'destination', recorder: FlightRecorder | undefined) {
    this.#side = side
    this.#recorder = recorder
    if (recorder !== undefined) recorder.operation ??= side === 'source' ? 'send' : 'receive'
  }

  get recorder(): FlightRecorder | undefined {
    return this.#recorder
  }

  watch(members: readonly Member[]): void {
    this.#members = members
    const recorder = this.#recorder
    if (recorder !== undefined)
      this.#watching = members.map(({ device }) => recorder.watch(device, this.#side))
  }

  phase(name: EnginePhase): void {
    for (const { device } of this.#members) device.trace.phase(name)
  }

  message(direction: 'out' | 'in', message: EngineMessage, bytes: number): void {
    if (message.type === 'alive') return
    const name = message.type === 'word' ? message.word : message.type
    if (this.#recorder !== undefined) this.#recorder.message(direction, name, bytes)
    else if (channels.message.hasSubscribers)
      channels.message.publish({ kind: 'message', ns: monotonicNs(), direction, message: name, bytes })
  }

  follow(journal: Journal): void {
    journal.onAppend = (record, syncMs) => {
      const fsyncNs = BigInt(Math.round(syncMs * 1e6))
      if (this.#recorder !== undefined) this.#recorder.journal(record, fsyncNs)
      else if (channels.journal.hasSubscribers)
        channels.journal.publish({ kind: 'journal', ns: monotonicNs() - fsyncNs, record, fsyncNs })
    }
  }

  [Symbol.dispose](): void {
    for (const { device } of this.#members) device.trace.phase(null)
    for (const one of this.#watching) one[Symbol.dispose]()
    this.#watching = []
  }
}
