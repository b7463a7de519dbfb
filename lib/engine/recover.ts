// SPDX-License-Identifier: MIT
// Finishing a migration whose engine died: the same engines as before, begun where the journal says.
import { type DestinationState, recoverDestination as destinationAfterCrash } from '../commit/destination.js'
import { defaultJournalDirectory, Journal, type JournalSide } from '../commit/journal.js'
import type { JournalFacts } from '../commit/journal-format.js'
import { type SourceState, recoverSource as sourceAfterCrash } from '../commit/source.js'
import type { CommitRecord, Holding } from '../commit/step.js'
import { HeldSet } from '../coordinator/held-set.js'
import { endOf, type Member, type MemberEnd, membersOf } from '../coordinator/member.js'
import { VfioEngineError, VfioError } from '../errors/index.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import { type ConnectOptions, connect, type ListenOptions, listen } from '../transport/index.js'
import { DestinationEngine } from './destination-engine.js'
import { greet } from './greeting.js'
import { holderOf } from './holder.js'
import { engineVersion, printable } from './messages.js'
import { Reception } from './reception.js'
import { abortedByPeer } from './send.js'
import { SourceEngine } from './source-engine.js'
import { refuseSuperseded } from './superseded.js'
import { type EngineTimes, timesOf } from './times.js'

interface CommonRecoverOptions {
  readonly id: string
  /** Where the journal is. Default {@link defaultJournalDirectory}. */
  readonly journal?: string
  readonly times?: EngineTimes
  /** Ends the waiting for the other side. Decides nothing that is not this side's to decide. */
  readonly signal?: AbortSignal
}

export interface RecoverSourceOptions extends CommonRecoverOptions, Pick<ConnectOptions, 'tls'> {
  /** Where the destination listens now. Default: where it listened. */
  readonly to?: string
  /**
   * An operator's word, recorded: the destination's copy is gone for good and never ran, so the devices may run again here although they were
   * told to run there. Default false.
   */
  readonly resume?: boolean
  /** Milliseconds to wait for the destination's answer. Default: no limit. */
  readonly patience?: number
}

export interface RecoverDestinationOptions
  extends CommonRecoverOptions,
    Pick<ListenOptions, 'tls' | 'allInterfaces'> {
  /** Where to listen for the source. Default: where it was listened. */
  readonly listen?: string
  /**
   * An operator's word, recorded: `promote`: the source's devices are gone and did not run again, so the complete copy may run although it
   * was not told to. `abort`: the complete copy is not wanted.
   */
  readonly decide?: 'promote' | 'abort'
  /** Milliseconds for which the source is waited for. Default: no limit. */
  readonly confirmation?: number
  readonly onListening?: (address: string) => void
}

/** How a migration that was taken up again stands now. Plain data. */
export interface RecoverReport {
  readonly ok: true
  readonly id: string
  readonly side: JournalSide
  readonly state: SourceState | DestinationState
  readonly devices: readonly MemberEnd[]
  /** Whether the other side has heard how it ended. */
  readonly confirmed: boolean
}

/** As {@link import("./deferred.js").recoverSource} documents it. */
export async function recoverSource(
  devices: readonly MigratableDevice[],
  options: RecoverSourceOptions,
): Promise<RecoverReport> {
  const { id, tls, signal, patience, resume = false } = options
  const times = timesOf(options.times)
  const directory = options.journal ?? defaultJournalDirectory()
  const journal = await Journal.open(directory, 'source', id)
  try {
    if (devices.length > 0) await refuseSuperseded(directory, journal.path)
    const { facts } = journal.header
    const members = await heldMembers(devices, facts)
    const set = new HeldSet(members)
    const wrote = (record: CommitRecord): boolean => journal.records.includes(record)
    // Led back, in whole or in part, they are where that got to.
    const ledBack = wrote('aborted') || wrote('resumed-by-operator')
    const holding = await set.holding(wrote('committed') && !ledBack ? 'stopped' : 'any')
    const key = keyOf(journal)
    const engine = new SourceEngine({
      journal,
      first: sourceAfterCrash(journal.records, holding),
      times,
      runAgain: () => set.run(),
      release: () => set.stop(),
      redial: async (limit) => {
        const connection = await connect(options.to ?? facts.address, {
          signal: limit,
          timeout: times.connect,
          ...(tls === undefined ? {} : { tls }),
        })
        return greet(
          connection,
          { type: 'resume', version: engineVersion, id, key },
          { timeout: times.connect, signal: limit },
        )
      },
    })
    await engine.settled()
    if (resume) {
      if (engine.state !== 'committed') {
        throw new VfioError(
          'ERR_VFIO_JOURNAL',
          `migration ${id} is ${engine.state} here: there is nothing to resume by a word`,
        )
      }
      await engine.dispatch({ kind: 'operator-resume' })
    }
    const state = await engine.outcome(signal, { patience })
    const confirmed = await engine.farewell(true)
    const ends = engine.ends ?? (await Promise.all(members.map((member) => endOf(member))))
    if (state !== 'done' && state !== 'aborted' && state !== 'resumed') {
      throw new VfioEngineError({
        id,
        side: 'source',
        outcome: state === 'lost' ? 'lost' : state === 'stranded' ? 'aborted' : 'unknown',
        phase: 'commit',
        devices: ends,
        peer: engine.peerTrouble,
        peerDevices: engine.peerDevices,
        cause:
          engine.peerTrouble !== undefined
            ? abortedByPeer(engine.peerTrouble)
            : new VfioError('ERR_VFIO_OUTCOME_UNKNOWN', unknownText(state)),
      })
    }
    return { ok: true, id, side: 'source', state, devices: ends, confirmed }
  } finally {
    await journal.close()
  }
}

function unknownText(state: SourceState): string {
  if (state === 'stranded')
    return 'the devices of this side did not run again; a complete copy at the destination may be the last one'
  return state === 'lost'
    ? 'the devices of this side are gone; a complete copy at the destination may be the last one'
    : 'the destination was told to run and has not been heard of since'
}

/** As {@link import("./deferred.js").recoverDestination} documents it. */
export async function recoverDestination(
  devices: readonly MigratableDevice[],
  options: RecoverDestinationOptions,
): Promise<RecoverReport> {
  const { id, tls, allInterfaces, signal, decide, confirmation } = options
  const times = timesOf(options.times)
  const directory = options.journal ?? defaultJournalDirectory()
  const journal = await Journal.open(directory, 'destination', id)
  let reception: Reception | undefined
  try {
    if (devices.length > 0) await refuseSuperseded(directory, journal.path)
    const { facts } = journal.header
    const members = await heldMembers(devices, facts)
    const set = new HeldSet(members)
    const committed = journal.records.some(
      (record) => record === 'committed' || record === 'promoted-by-operator',
    )
    const holding: Holding = await set.holding(committed ? 'loaded-or-running' : 'loaded')
    const engine = new DestinationEngine({
      journal,
      first: destinationAfterCrash(journal.records, holding),
      times,
      run: () => set.runLoaded(),
      reset: () => set.reset(),
      ends: () => set.ends(),
    })
    await engine.settled()
    if (decide !== undefined) {
      if (engine.state !== 'loaded')
        throw new VfioError(
          'ERR_VFIO_JOURNAL',
          `migration ${id} is ${engine.state} here: there is nothing to ${decide}`,
        )
      await engine.dispatch({ kind: decide === 'promote' ? 'operator-promote' : 'operator-abort' })
    }
    if (engine.state !== 'done' && engine.state !== 'uncertain') {
      const listener = await listen(options.listen ?? facts.address, {
        ...(tls === undefined ? {} : { tls }),
        ...(allInterfaces === undefined ? {} : { allInterfaces }),
      })
      reception = new Reception(
        listener,
        {
          channels: 0,
          timeout: times.connect,
          hello: () => Promise.reject(new VfioError('ERR_VFIO_BUSY', 'a migration is being recovered here')),
          resume: (connection) => engine.adopt(connection),
          refused: () => {},
        },
        { id, key: keyOf(journal) },
      )
      options.onListening?.(listener.address)
    }
    // A copy that was given up is told to the source as long as somebody waits for that.
    const state = await engine.outcome(signal, { confirmation, tellAborted: true })
    await engine.farewell()
    const ends = engine.ends ?? (await set.ends())
    if (state === 'loaded' || state === 'uncertain') {
      throw new VfioEngineError({
        id,
        side: 'destination',
        outcome: state === 'loaded' ? 'waiting' : 'uncertain',
        phase: 'commit',
        devices: ends,
        cause:
          engine.runError ??
          new VfioError(
            'ERR_VFIO_OUTCOME_UNKNOWN',
            state === 'loaded'
              ? 'the copy is complete, and the source has not said what it is to become'
              : 'the devices were to run, and may have, before they were lost',
          ),
      })
    }
    return { ok: true, id, side: 'destination', state, devices: ends, confirmed: engine.confirmed }
  } finally {
    await reception?.close()
    await journal.close()
  }
}

async function heldMembers(
  devices: readonly MigratableDevice[],
  facts: JournalFacts,
): Promise<readonly Member[]> {
  if (devices.length === 0) return []
  const wanted = facts.devices.length
  if (devices.length !== wanted) {
    throw new VfioError(
      'ERR_VFIO_INCOMPATIBLE',
      `the migration is of ${wanted} devices, and ${devices.length} are here: give all of them, or none if they are lost`,
    )
  }
  for (const [index, device] of devices.entries()) {
    const { spec, holder } = facts.devices[index] as JournalFacts['devices'][number]
    if (
      printable(device.spec, 1024) !== spec ||
      (holder !== undefined && (await holderOf(device.spec)) !== holder)
    ) {
      throw new VfioError(
        'ERR_VFIO_INCOMPATIBLE',
        `${device.spec} is not what the migration left as ${spec}: give the devices of the journal in its order, from whoever held them, or none if they are lost`,
        { device: device.spec },
      )
    }
  }
  return membersOf(devices)
}

function keyOf(journal: Journal): string {
  const { key } = journal.header.facts
  if (key === undefined)
    throw new VfioError(
      'ERR_VFIO_JOURNAL',
      `${journal.path}: it does not say how the engines know one another`,
    )
  return key
}
