// SPDX-License-Identifier: MIT

import type { PreCopySnapshot, SaveSession, SwitchoverPolicy } from '../migration/save-session.js'
import { spelledOut } from '../migration/switchover-policy.js'
import type { SetPolicy } from '../policy/index.js'

type Answer = Awaited<ReturnType<SwitchoverPolicy>>

/**
 * When several devices leave pre-copy: together, when one policy for all of them says so. It is asked when every device in pre-copy has
 * been drained at least once, and then whenever one is drained again.
 */
export class JointSwitchover {
  readonly #preCopying: readonly boolean[]
  readonly #policy: SetPolicy
  readonly #snapshots: (PreCopySnapshot | undefined)[]
  readonly #initialLoaded: boolean[]
  readonly #sessions: (SaveSession | undefined)[]
  readonly #onSnapshot: (index: number, snapshot: PreCopySnapshot) => void
  /** Resolves when all of them leave pre-copy, for whichever reason. */
  readonly decided: Promise<void>
  #decide: () => void = () => {}
  #refuse: (reason: unknown) => void = () => {}
  #isDecided = false
  #reason: string | undefined
  #asking: Promise<Answer> | undefined

  /** @param preCopying which of the devices begin in pre-copy */
  constructor(
    preCopying: readonly boolean[],
    policy: SetPolicy,
    onSnapshot: (index: number, snapshot: PreCopySnapshot) => void = () => {},
  ) {
    this.#onSnapshot = onSnapshot
    this.#preCopying = preCopying
    this.#policy = policy
    this.#snapshots = preCopying.map(() => undefined)
    this.#initialLoaded = preCopying.map(() => false)
    this.#sessions = preCopying.map(() => undefined)
    this.decided = new Promise((resolve, reject) => {
      this.#decide = resolve
      this.#refuse = reject
    })
    // Nobody may be waiting when it fails.
    this.decided.catch(() => {})
    if (!preCopying.includes(true)) this.switch()
  }

  /** A device that begins in pre-copy may begin at once, any other when all are about to stop. @throws the reason of {@link fail} */
  async mayBegin(index: number): Promise<void> {
    if (!this.#preCopying[index]) await this.decided
  }

  /** Whether a device begins in pre-copy. */
  preCopies(index: number): boolean {
    return this.#preCopying[index] === true
  }

  /** Why all of them left pre-copy, in the policy's words. */
  get reason(): string | undefined {
    return this.#reason
  }

  /** Whether every device in pre-copy has been drained and none has left it. */
  get idle(): boolean {
    return !this.#isDecided && this.#preCopying.every((one, at) => !one || this.#snapshots[at] !== undefined)
  }

  began(index: number, session: SaveSession): void {
    this.#sessions[index] = session
    if (this.#isDecided && session.phase === 'pre-copy') void session.switchover().catch(() => {})
  }

  /** The destination has taken in what the device called initial. `false`: it has called more of it so (a reinitialisation). */
  acknowledgeInitial(index: number, loaded = true): void {
    this.#initialLoaded[index] = loaded
  }

  policyOf(index: number): SwitchoverPolicy {
    return async (snapshot) => {
      this.#snapshots[index] = snapshot
      this.#onSnapshot(index, snapshot)
      if (this.#isDecided) return 'switch'
      const devices: (PreCopySnapshot & { readonly initialLoaded: boolean })[] = []
      for (const [at, preCopying] of this.#preCopying.entries()) {
        if (!preCopying) continue
        const known = this.#snapshots[at]
        if (known === undefined) return 'continue'
        devices.push({ ...known, initialLoaded: this.#initialLoaded[at] as boolean })
      }
      this.#asking ??= Promise.resolve(this.#policy({ devices })).finally(() => {
        this.#asking = undefined
      })
      const answer = await this.#asking
      const { decision, reason } = spelledOut(answer)
      if (decision === 'switch') this.switch(reason)
      return answer
    }
  }

  /** Now, all of them: it was decided, or one of them could wait no longer. */
  switch(reason?: string): void {
    if (this.#isDecided) return
    this.#reason = reason
    this.#isDecided = true
    this.#decide()
    for (const session of this.#sessions) {
      // A session that fails tells whoever reads it.
      if (session?.phase === 'pre-copy') void session.switchover().catch(() => {})
    }
  }

  fail(reason: unknown): void {
    this.#refuse(reason)
  }
}
