// SPDX-License-Identifier: MIT
import { type Recovery, type RecoveryPolicy, VfioError } from '../errors/index.js'
import type { Moved } from '../migration/chunk.js'
import { NOTHING } from '../migration/progress.js'
import type { PreCopySnapshot, SaveOptions, SaveSession } from '../migration/save-session.js'
import type { SetPolicy } from '../policy/index.js'
import { Barrier } from './barrier.js'
import { JointSwitchover } from './joint-switchover.js'
import { endOf, type Member, type MemberEnd } from './member.js'

export interface SaveSetOptions
  extends Omit<SaveOptions, 'switchover' | 'beforeStop' | 'afterStop' | 'beforeRun' | 'signal' | 'recovery'> {
  readonly recovery?: RecoveryPolicy
  /** Asked for all devices together whether to leave pre-copy. */
  readonly policy: SetPolicy
  /** Told what a device said each time its pre-copy was drained, before the policy is asked. */
  readonly onSnapshot?: (index: number, snapshot: PreCopySnapshot) => void
  /** Told, of each device that comes to it, that the set is about to stop. */
  readonly onStopping?: () => void
  /** Told when the set begins to be rolled back: whatever reads the sessions must let go of them. */
  readonly onFail?: () => void
}

/**
 * The saves of several devices, as one: all quieted before any stops, read in parallel, and all led back when one fails, each quiet before
 * any runs again.
 */
export class SaveSet {
  readonly #members: readonly Member[]
  readonly #options: SaveSetOptions
  readonly #saves: (SaveSession | undefined)[]
  // With what a start that failed did to undo itself.
  readonly #starts: (Promise<Recovery | undefined> | undefined)[]
  readonly #switchover: JointSwitchover
  readonly #stop: Barrier
  readonly #run: Barrier
  readonly #stopped: Barrier
  /** Resolves when every device is in stop-copy: none of them writes memory any more. @throws the reason of {@link fail} before that */
  readonly stopped: Promise<void>
  #failure: { reason: unknown } | undefined
  // Rolls back before its failure is known: a save tells of that only when it is back.
  #culprit: number | undefined
  #rolledBack: Promise<MemberEnd[]> | undefined

  constructor(members: readonly Member[], options: SaveSetOptions) {
    this.#members = members
    this.#options = options
    this.#saves = members.map(() => undefined)
    this.#starts = members.map(() => undefined)
    this.#stop = new Barrier(members.length)
    this.#run = new Barrier(members.length)
    this.#stopped = new Barrier(members.length + 1)
    this.stopped = this.#stopped.arrive(members.length)
    // Nobody may be waiting when it fails.
    this.stopped.catch(() => {})
    this.#switchover = new JointSwitchover(
      members.map(({ migration }) => options.preCopy === true && migration.capabilities.preCopy),
      options.policy,
      options.onSnapshot,
    )
  }

  /** Whether it has failed or was given up. */
  get failed(): boolean {
    return this.#failure !== undefined
  }

  /** Whether it waits in pre-copy for devices that have nothing to say for now. */
  get idle(): boolean {
    return this.#switchover.idle
  }

  /** Resolves when all devices have been asked to stop, or never. */
  get stopping(): Promise<void> {
    return this.#switchover.decided
  }

  /** What was read of each device so far. */
  get moved(): readonly Moved[] {
    return this.#saves.map((save) => save?.moved ?? NOTHING)
  }

  /** The sessions that have begun, by member. */
  get sessions(): readonly (SaveSession | undefined)[] {
    return this.#saves
  }

  get switchover(): JointSwitchover {
    return this.#switchover
  }

  /**
   * Saves all of them; `write` reads one session to its end. The devices are in stop-copy when it resolves.
   * @throws what failed first; {@link rollBack} has begun by then, unless everything was read ({@link fail})
   */
  async save(write: (save: SaveSession, index: number) => Promise<void>): Promise<void> {
    await Promise.allSettled(
      this.#members.map(async (_, index) => {
        try {
          await this.#saveOne(index, write)
        } catch (error) {
          this.fail(error)
          if (this.#failure && this.#culprit === index) this.#failure.reason = error
        }
      }),
    )
    this.#throwIfFailed()
  }

  async #saveOne(index: number, write: (save: SaveSession, index: number) => Promise<void>): Promise<void> {
    // A device without pre-copy is left alone until the others are ready to stop.
    await this.#switchover.mayBegin(index)
    this.#throwIfFailed()
    const starting = this.#start(index)
    this.#starts[index] = starting.then(
      () => undefined,
      (error: unknown) => (error instanceof VfioError ? error.recovery : undefined),
    )
    const save = await starting
    this.#saves[index] = save
    this.#throwIfFailed()
    this.#switchover.began(index, save)
    await write(save, index)
  }

  #start(index: number): Promise<SaveSession> {
    const { migration } = this.#members[index] as Member
    const {
      recovery = 'previous',
      onSnapshot: _,
      onFail: __,
      policy: ___,
      onStopping,
      ...options
    } = this.#options
    return migration.save({
      ...options,
      recovery,
      switchover: this.#switchover.policyOf(index),
      beforeStop: async () => {
        onStopping?.()
        this.#switchover.switch()
        await this.#stop.arrive(index)
      },
      afterStop: () => this.#stopped.leave(index),
      beforeRun: () => {
        if (!this.#failure) this.#culprit = index
        this.fail(new VfioError('ERR_VFIO_MIGRATION', 'another device of the set failed'))
        return this.#run.arrive(index)
      },
    })
  }

  #throwIfFailed(): void {
    if (this.#failure) throw this.#failure.reason
  }

  /**
   * Ends all of it for `reason`; what was begun is rolled back. When everything has been read the destination may have all of it: the devices
   * then stay stopped until whoever drives the commit protocol has them rolled back, which it must not before that is durable.
   */
  fail(reason: unknown): void {
    if (this.#failure) return
    this.#failure = { reason }
    this.#stop.fail(reason)
    this.#stopped.fail(reason)
    this.#switchover.fail(reason)
    this.#options.onFail?.()
    if (this.#saves.some((save) => save?.phase !== 'ended')) void this.rollBack()
  }

  /** Leads every device back as the option `recovery` says. Never rejects. Idempotent. */
  rollBack(): Promise<MemberEnd[]> {
    if (this.#rolledBack === undefined) {
      this.#rolledBack = Promise.all(this.#members.map((member, index) => this.#rollBackOne(member, index)))
      this.fail(new VfioError('ERR_VFIO_SESSION_ENDED', 'the set is rolled back'))
    }
    return this.#rolledBack
  }

  async #rollBackOne(member: Member, index: number): Promise<MemberEnd> {
    let failed: unknown
    const undone = await this.#starts[index]
    const save = this.#saves[index]
    try {
      await save?.close()
    } catch (error) {
      failed = error
    } finally {
      this.#run.leave(index)
    }
    return endOf(member, { recovery: save?.recovery ?? undone, error: failed })
  }

  /** The other side runs: ends all sessions, the devices in stop. What fails is in the answer. */
  complete(): Promise<MemberEnd[]> {
    return Promise.all(
      this.#members.map(async (member, index) => {
        let failed: unknown
        await this.#saves[index]?.complete().catch((error: unknown) => {
          failed = error
        })
        return endOf(member, { error: failed })
      }),
    )
  }
}
