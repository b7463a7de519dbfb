// SPDX-License-Identifier: MIT
// The memory that the devices of a set write, beside the devices: tracked here, sent by its owner.
import { setTimeout as delay } from 'node:timers/promises'
import type { Member } from '../coordinator/member.js'
import type { SaveSet } from '../coordinator/save-set.js'
import type { RateLimit } from '../device/rate-limit.js'
import { DirtyRounds } from '../memory/dirty-rounds.js'
import { checkRanges } from '../memory/memory-layout.js'
import type { MemoryOwner } from '../memory/memory-owner.js'
import { type MemoryLimits, MemoryPace, type MemoryProgress } from '../memory/memory-pace.js'
import { type DeviceTracking, MemoryTrackers } from '../memory/memory-trackers.js'
import { manifestOf } from '../migration/manifest.js'
import type { SaveSession } from '../migration/save-session.js'
import { spelledOut } from '../migration/switchover-policy.js'
import type { SetPolicy } from '../policy/index.js'
import type { ManifestDevice } from '../stream/manifest.js'
import type { BulkChannel } from '../transport/index.js'

const PRE_COPY_TIMEOUT = 120_000
const LONGEST_TIMER = 2 ** 31 - 1

/** What became of the memory that was sent along. Plain data; sizes in bytes, times in milliseconds. */
export interface MemoryReport {
  /** Who tracked what each device wrote. */
  readonly tracking: readonly DeviceTracking[]
  /** The final one included. */
  readonly rounds: number
  /** Rounds in which the tracking failed, so that everything was sent again. */
  readonly incompleteRounds: number
  /** Memory that was sent, every time that it was. */
  readonly bytes: number
  /** Of these, what took the connection's time: zero pages hardly do. */
  readonly wireBytes: number
  /** Of these, in the final round, the devices standing still. */
  readonly finalBytes: number
  /** From the devices' last stop to the end of that round. */
  readonly finalMs: number
  readonly totalMs: number
  /** Why no more rounds were needed before the devices stopped; absent when they stopped before that. */
  readonly settled?: string
  /** What could not be switched off again. */
  readonly trackingErrors?: readonly string[]
}

/** One memory on its way to the other engine. {@link of} before anything is touched, {@link send} in the place of a set's save. */
export class OutgoingMemory {
  readonly #members: readonly Member[]
  readonly #owner: MemoryOwner
  readonly #trackers: MemoryTrackers
  readonly #rounds: DirtyRounds
  readonly #pace: MemoryPace
  #settledBefore: string | undefined
  #finalBytes = 0
  #finalMs = 0
  #totalMs = 0
  #trackingErrors: readonly string[] = []

  private constructor(
    members: readonly Member[],
    owner: MemoryOwner,
    trackers: MemoryTrackers,
    limits?: MemoryLimits,
  ) {
    this.#members = members
    this.#owner = owner
    this.#trackers = trackers
    this.#rounds = new DirtyRounds(trackers, owner.ranges)
    this.#pace = new MemoryPace(limits)
  }

  /** Starts nothing. @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: nobody tracks what a device writes. @throws {RangeError} ranges or limits */
  static async of(
    members: readonly Member[],
    owner: MemoryOwner,
    limits?: MemoryLimits,
  ): Promise<OutgoingMemory> {
    const { ranges } = owner
    checkRanges(ranges)
    const trackers = await MemoryTrackers.of(
      members.map(({ device }) => device),
      ranges,
    )
    return new OutgoingMemory(members, owner, trackers, limits)
  }

  get progress(): MemoryProgress {
    return this.#pace.progress
  }

  /** The set's policy, told of the memory, whose consent to a switch holds only when the memory is ready too. */
  policy(policy: SetPolicy): SetPolicy {
    return async (snapshot) => {
      const memory = this.#pace.snapshot
      const said = spelledOut(await policy({ ...snapshot, memory }))
      if (said.decision !== 'switch' || memory.settled !== undefined) return said
      return { decision: 'continue', reason: `the memory is in its round ${memory.round}` }
    }
  }

  /**
   * Saves the devices and sends their memory beside them: round after round while they run, what is left when all of them have stopped. The
   * tracking ends after the last report, before the devices leave stop-copy (pds stops its log there).
   * @param options.waits no device is in pre-copy meanwhile: the memory says when the set is to stop
   * @param options.preCopyTimeout milliseconds from the moment when the memory is settled to that when the devices stop, whatever the policy says
   */
  async send(
    channel: BulkChannel,
    saves: SaveSet,
    write: (save: SaveSession, index: number) => Promise<void>,
    options: {
      readonly waits: boolean
      readonly signal: AbortSignal
      readonly rateLimit?: RateLimit | undefined
      readonly preCopyTimeout?: number | undefined
    },
  ): Promise<void> {
    const { waits, signal, rateLimit, preCopyTimeout = PRE_COPY_TIMEOUT } = options
    const began = performance.now()
    const stopped = new AbortController()
    let rounds: Promise<void> = Promise.resolve()
    let timer: NodeJS.Timeout | undefined
    await this.#trackers.start()
    try {
      await this.#owner.begin({ fd: channel.fd, devices: await this.#devices(), signal, rateLimit })
      const settled = new Promise<void>((resolve) => {
        rounds = this.#repeat(resolve, AbortSignal.any([stopped.signal, signal]))
      })
      // Memory that cannot be sent is no less a failure than a device that cannot be read.
      rounds.catch((error: unknown) => saves.fail(error))
      if (preCopyTimeout <= LONGEST_TIMER) {
        void settled.then(() => {
          timer = setTimeout(() => saves.switchover.switch(), preCopyTimeout)
        })
      }
      if (waits) await Promise.race([settled, rounds])
      const saved = saves.save(write)
      const endRounds = (): Promise<void> => {
        stopped.abort()
        return rounds
      }
      const rest = this.#finish(channel, saves, endRounds, signal)
      rest.catch((error: unknown) => saves.fail(error))
      for (const ended of await Promise.allSettled([saved, rest]))
        if (ended.status === 'rejected') throw ended.reason
    } finally {
      clearTimeout(timer)
      this.#rounds.cut()
      stopped.abort()
      await rounds.catch(() => {})
      const errors = await this.#trackers.stop()
      this.#trackingErrors = [...this.#trackingErrors, ...errors.map(String)]
      await this.#owner.close().catch(() => {})
      this.#totalMs = performance.now() - began
    }
  }

  async #devices(): Promise<ManifestDevice[]> {
    const manifests = await Promise.all(
      this.#members.map(({ device, migration }) => manifestOf(device, migration)),
    )
    return manifests.flatMap(({ devices }, index) => devices.map((one) => ({ ...one, index })))
  }

  async #repeat(settled: () => void, signal: AbortSignal): Promise<void> {
    while (!signal.aborted) {
      await this.#round(false)
      if (this.#pace.snapshot.settled !== undefined) settled()
      await delay(this.#pace.pause, undefined, { signal }).catch(() => {})
    }
  }

  async #round(final: boolean): Promise<number> {
    const round = await this.#rounds.next(final)
    const pending = (await this.#owner.pendingBytes?.()) ?? 0
    this.#pace.begin(round, () => this.#rounds.left, pending)
    const sent = await this.#owner.send(round)
    this.#pace.end(sent)
    return sent.bytes
  }

  async #finish(
    channel: BulkChannel,
    saves: SaveSet,
    endRounds: () => Promise<void>,
    signal: AbortSignal,
  ): Promise<void> {
    await saves.stopped
    const at = performance.now()
    this.#settledBefore = this.#pace.snapshot.settled
    this.#rounds.cut()
    await endRounds()
    this.#finalBytes = await this.#round(true)
    await this.#owner.finish()
    this.#finalMs = performance.now() - at
    await channel.finish({ signal })
  }

  get report(): MemoryReport {
    return {
      tracking: this.#trackers.devices,
      rounds: this.#rounds.count,
      incompleteRounds: this.#rounds.incomplete,
      bytes: this.#pace.bytes,
      wireBytes: this.#pace.wireBytes,
      finalBytes: this.#finalBytes,
      finalMs: this.#finalMs,
      totalMs: this.#totalMs,
      ...(this.#settledBefore === undefined ? {} : { settled: this.#settledBefore }),
      ...(this.#trackingErrors.length === 0 ? {} : { trackingErrors: this.#trackingErrors }),
    }
  }
}
