// SPDX-License-Identifier: MIT
import type { Holding } from '../commit/step.js'
import { parseDeviceSpec } from '../device/spec.js'
import type { MigrationState } from '../migration/state.js'
import type { RunOutcome } from './load-set.js'
import { endOf, type Member, type MemberEnd } from './member.js'

/** What devices must be found in to be the ones that were left, and not ones that somebody reset since. */
export type ExpectedStates = 'any' | 'stopped' | 'loaded' | 'loaded-or-running'

/** Devices that somebody held while their engine was away, as one. Empty: they are lost. */
export class HeldSet {
  readonly #members: readonly Member[]

  constructor(members: readonly Member[]) {
    this.#members = members
  }

  /**
   * Whether they are still what was left.
   * @throws what a device said that could not be asked: not knowing is no reason to give a copy up
   */
  async holding(expected: ExpectedStates): Promise<Holding> {
    if (this.#members.length === 0) return 'lost'
    const held = await Promise.all(
      this.#members.map(async (member) => {
        const state = await member.migration.state()
        return isExpected(expected, state, member)
      }),
    )
    return held.every(Boolean) ? 'held' : 'lost'
  }

  /** A source's devices back to running, all quiet before any runs. */
  async run(): Promise<MemberEnd[]> {
    const quiet = await this.#lead('running-p2p')
    const ran = quiet.some((error) => error !== undefined) ? quiet : await this.#lead('running')
    return Promise.all(this.#members.map((member, index) => endOf(member, { error: ran[index] })))
  }

  /** A source's devices to stop: the other side runs. */
  async stop(): Promise<MemberEnd[]> {
    const stopped = await Promise.all(
      this.#members.map(({ migration }) => migration.transition('stop').then(nothing, itself)),
    )
    return Promise.all(this.#members.map((member, index) => endOf(member, { error: stopped[index] })))
  }

  /** A destination's devices to running, from where their loads ended. */
  async runLoaded(): Promise<RunOutcome> {
    const quiet = await this.#lead('running-p2p')
    const failed = quiet.find((error) => error !== undefined)
    const ran = failed === undefined ? await this.#lead('running') : []
    const error = failed ?? ran.find((one) => one !== undefined)
    if (error === undefined) return { ran: true }
    const states = await Promise.all(
      this.#members.map(({ migration }) => migration.state().catch((): MigrationState => 'running')),
    )
    const mayHaveRun = states.some(
      (state, index) => !isExpected('loaded', state, this.#members[index] as Member),
    )
    return { ran: false, mayHaveRun, error }
  }

  /** Throws the copy away, wherever it was left. What runs is not it: it never ran. */
  reset(): Promise<MemberEnd[]> {
    return Promise.all(
      this.#members.map(async (member) =>
        endOf(member, {
          error: (await runs(member)) ? undefined : await member.device.reset().then(nothing, itself),
        }),
      ),
    )
  }

  ends(): Promise<MemberEnd[]> {
    return Promise.all(this.#members.map((member) => endOf(member)))
  }

  #lead(target: 'running' | 'running-p2p'): Promise<unknown[]> {
    return Promise.all(
      this.#members.map(async ({ migration }) => {
        if (target === 'running-p2p' && !migration.capabilities.p2p) return undefined
        try {
          const state = await migration.state()
          if (state === 'running') return undefined
          await migration.transition(target)
          return undefined
        } catch (error) {
          return error
        }
      }),
    )
  }
}

function isExpected(expected: ExpectedStates, state: MigrationState, { device, migration }: Member): boolean {
  const stopped = state === 'stop' || state === 'stop-copy'
  const loaded = migration.protocol === 'v1' ? state === 'resuming' : state === 'stop'
  switch (expected) {
    case 'any':
      return true
    case 'stopped':
      return stopped
    case 'loaded':
      return loaded
    case 'loaded-or-running':
      // A server resets a v1 device whose load was given up, and it runs then, empty.
      if (migration.protocol === 'v1' && parseDeviceSpec(device.spec).kind === 'vfio-user') return loaded
      return loaded || state === 'running' || state === 'running-p2p'
  }
}

async function runs({ migration }: Member): Promise<boolean> {
  const state = await migration.state().catch(() => 'unknown')
  return state === 'running' || state === 'running-p2p'
}

function nothing(): undefined {
  return undefined
}

function itself(error: unknown): unknown {
  return error
}
