// SPDX-License-Identifier: MIT
import type { Journal } from './journal.js'
import type { CommitEffect, CommitMessage, Step } from './step.js'

/** What a party's effects come to. */
export interface PartyActions<Event> {
  /** May fail without a word: every message is repeated until it is answered. */
  send(message: CommitMessage): void
  /**
   * Leads the devices to running.
   * @returns what the reducer is to be told of it; what was to be done next is then left to its answer
   */
  run(): Promise<Event | 'done'>
  /** Throws the destination's copy away. Reports for itself what could not be reset. */
  reset(): Promise<void>
  /** Lets go of the source's devices. Reports for itself what failed. */
  release(): Promise<void>
}

/**
 * One side of the commit protocol at work: carries out what the reducer says, one event after the other, each effect when the one before is
 * done. A record that cannot be made durable stops it for good, wherever it is: nothing that depends on it is done.
 */
export class CommitParty<State, Event> {
  readonly #journal: Journal
  readonly #step: (state: State, event: Event) => Step<State>
  readonly #actions: PartyActions<Event>
  readonly #onState: (state: State) => void
  #state: State
  #turn: Promise<void>
  #failure: unknown

  constructor(
    journal: Journal,
    first: Step<State>,
    step: (state: State, event: Event) => Step<State>,
    actions: PartyActions<Event>,
    onState: (state: State) => void = () => {},
  ) {
    this.#journal = journal
    this.#step = step
    this.#actions = actions
    this.#onState = onState
    this.#state = first.state
    this.#turn = this.#guarded(() => this.#carryOut(first))
  }

  /** After the effects of the last event that was taken up. */
  get state(): State {
    return this.#state
  }

  /** Why it stands still: the journal failed. */
  get failure(): unknown {
    return this.#failure
  }

  /** Resolves when everything up to now is carried out. @throws {VfioError} `ERR_VFIO_JOURNAL` */
  async settled(): Promise<void> {
    await this.#turn
    if (this.#failure !== undefined) throw this.#failure
  }

  /**
   * Tells it what happened. Resolves with the state when that, and what came before, is carried out.
   * @throws {VfioError} `ERR_VFIO_JOURNAL`
   */
  async dispatch(event: Event): Promise<State> {
    this.#turn = this.#turn.then(() => this.#guarded(() => this.#carryOut(this.#step(this.#state, event))))
    await this.settled()
    return this.#state
  }

  async #guarded(work: () => Promise<void>): Promise<void> {
    if (this.#failure !== undefined) return
    try {
      await work()
    } catch (error) {
      this.#failure = error
    }
  }

  async #carryOut(step: Step<State>): Promise<void> {
    let { effects } = step
    let { state } = step
    for (;;) {
      const answer = await this.#doAll(effects)
      const changed = this.#state !== state
      this.#state = state
      if (changed) this.#onState(state)
      if (answer === undefined) return
      // What the devices said is taken up before anything else that happened meanwhile.
      const next = this.#step(state, answer)
      state = next.state
      effects = next.effects
    }
  }

  async #doAll(effects: readonly CommitEffect[]): Promise<Event | undefined> {
    for (const effect of effects) {
      switch (effect.kind) {
        case 'write':
          await this.#journal.append(effect.record)
          break
        case 'send':
          this.#actions.send(effect.message)
          break
        case 'reset':
          await this.#actions.reset()
          break
        case 'release':
          await this.#actions.release()
          break
        case 'run': {
          const ran = await this.#actions.run()
          if (ran !== 'done') return ran
        }
      }
    }
    return undefined
  }
}
