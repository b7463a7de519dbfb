// SPDX-License-Identifier: MIT
import type { Moved } from '../migration/chunk.js'
import type { LoadOptions, LoadSession } from '../migration/load-session.js'
import { NOTHING } from '../migration/progress.js'
import { actualState } from '../migration/refusal.js'
import type { MigrationState } from '../migration/state.js'
import { endOf, type Member, type MemberEnd } from './member.js'

/** Whether the set runs, and if not, whether any of it may have run. */
export type RunOutcome =
  | { readonly ran: true }
  | { readonly ran: false; readonly mayHaveRun: boolean; readonly error: unknown }

/**
 * The loads of several devices, as one: all in resuming before any data is sent, all quiet (P2P) before any runs, all reset when one fails.
 */
export class LoadSet {
  readonly #members: readonly Member[]
  readonly #loads: (LoadSession | undefined)[]
  readonly #settled: boolean[]
  // A device that ran may be anywhere since.
  #ran = false

  constructor(members: readonly Member[]) {
    this.#members = members
    this.#loads = members.map(() => undefined)
    this.#settled = members.map(() => false)
  }

  get moved(): readonly Moved[] {
    return this.#loads.map((load) => load?.moved ?? NOTHING)
  }

  /** All to resuming. @throws what the first refusing device said; those that went are reset */
  async start(options: Omit<LoadOptions, 'recovery' | 'signal'> = {}): Promise<readonly LoadSession[]> {
    const started = await Promise.allSettled(
      this.#members.map(async ({ migration }, index) => {
        // Nothing undoes itself here: where a device stands after a failure says whether it may have run.
        const load = await migration.load({ ...options, recovery: 'none' })
        this.#loads[index] = load
        return load
      }),
    )
    const refused = started.find((result) => result.status === 'rejected')
    if (refused !== undefined) {
      await this.reset()
      throw refused.reason
    }
    return this.#loads as LoadSession[]
  }

  /**
   * All data of one device is in: has the device check it, where that is possible without running it. v2: resuming to stop. A v1 device
   * checks when it is told to run, and stays in resuming.
   * @throws {VfioTransitionError} it refuses what it was given
   */
  async settle(index: number): Promise<void> {
    const load = this.#loads[index] as LoadSession
    if (load.protocol === 'v1') return
    await load.complete('stop')
    this.#settled[index] = true
  }

  /** All to running. */
  async run(): Promise<RunOutcome> {
    // One alone has nobody to wait for, and passes through P2P by itself.
    const together = this.#members.length > 1
    const quiet = await this.#each(async ({ migration }, index) => {
      if (together && migration.capabilities.p2p && this.#settled[index])
        await migration.transition('running-p2p')
    })
    const failed = quiet ?? (await this.#each((member, index) => this.#runOne(member, index)))
    if (failed === undefined) return { ran: true }
    return { ran: false, mayHaveRun: await this.#mayHaveRun(), error: failed.reason }
  }

  async #runOne({ migration }: Member, index: number): Promise<void> {
    const load = this.#loads[index]
    if (this.#settled[index] || load === undefined) await migration.transition('running')
    else await load.complete('running')
    this.#ran = true
  }

  async #each(
    action: (member: Member, index: number) => Promise<void>,
  ): Promise<{ readonly reason: unknown } | undefined> {
    const results = await Promise.allSettled(this.#members.map(action))
    const failed = results.find((result) => result.status === 'rejected')
    return failed === undefined ? undefined : { reason: failed.reason }
  }

  /** `false` only if every device says itself that it never left the state its load ended in. */
  async #mayHaveRun(): Promise<boolean> {
    if (this.#ran) return true
    const states = await Promise.all(
      this.#members.map(({ migration }) => migration.state().catch((): MigrationState => 'running')),
    )
    return states.some((state, index) => {
      if (this.#settled[index]) return state !== 'stop'
      // v1: a device puts itself into its error state when it refuses to leave resuming, and does not run there.
      return state !== 'resuming' && state !== 'error'
    })
  }

  /** Throws all of it away. Never rejects: what could not be reset is in the answer. */
  reset(): Promise<MemberEnd[]> {
    return Promise.all(this.#members.map((member, index) => this.#resetOne(member, index)))
  }

  async #resetOne(member: Member, index: number): Promise<MemberEnd> {
    const steps: string[] = []
    let failed: unknown
    try {
      const load = this.#loads[index]
      await load?.close()
      if (load !== undefined || (await actualState(member.migration)) !== 'running') {
        await member.device.reset()
        steps.push('reset')
      }
    } catch (error) {
      failed = error
    }
    const end = await endOf(member, { error: failed })
    return { ...end, recovery: { policy: 'reset', steps, ok: failed === undefined, state: end.state } }
  }

  /** Ends what is open, and leaves the devices where they are. Never rejects. */
  async leave(): Promise<void> {
    await Promise.allSettled(this.#loads.map((load) => load?.close()))
  }

  /** Where they are now. */
  ends(): Promise<MemberEnd[]> {
    return Promise.all(this.#members.map((member) => endOf(member)))
  }
}
