// SPDX-License-Identifier: MIT
// What a journal that was left behind means, for people and for whoever finishes the migration. Reads, and decides nothing.

import type { JournalSummary } from '../commit/journal.js'
import type { Holding } from '../commit/step.js'
import { parseDeviceSpec } from '../device/spec.js'
import { Keeper } from '../ownership/index.js'
import { holderOf } from './holder.js'
import { supersededBy } from './superseded.js'

/** Where a migration stands on this side. */
export type RecoveryState =
  | 'in-progress'
  | 'finished'
  | 'given-up'
  | 'cut-short'
  | 'outcome-unknown'
  | 'copy-waiting'
  | 'starting'
  | 'lost'
  | 'superseded'

/** What can be done about it: options of `vfio-migrate recover`, and of {@link recoverSource} and {@link recoverDestination}. */
export type RecoveryAction = 'finish' | 'resume' | 'promote' | 'abort'

export interface RecoveryDevice {
  readonly device: string
  readonly protocol: 'v1' | 'v2'
  /** `held`: whoever held it beside the engine still does. `lost`: nobody did, or that one is gone. */
  readonly holding: Holding
  /** As its keeper last heard, where one holds it. */
  readonly state: string | undefined
}

/** One migration as its journal tells it. Plain data. */
export interface RecoveryPlan {
  readonly id: string
  readonly side: 'source' | 'destination'
  readonly path: string
  readonly created: string
  readonly records: JournalSummary['records']
  readonly torn: boolean
  /** The other side (source), or where this side listened (destination). */
  readonly address: string
  readonly devices: readonly RecoveryDevice[]
  readonly state: RecoveryState
  /** What is known for certain, in sentences. */
  readonly known: string
  /** What to find out before anything is done, if anything. */
  readonly check: string | undefined
  readonly can: readonly RecoveryAction[]
}

/** As {@link import("./deferred.js").planRecovery} documents it. */
export async function planRecovery(
  summary: JournalSummary,
  all: readonly JournalSummary[] = [],
): Promise<RecoveryPlan> {
  const devices = await Promise.all(summary.facts.devices.map((device) => lookAt(device)))
  const { id, side, path, created, records, torn, facts } = summary
  const base = { id, side, path, created, records, torn, address: facts.address, devices }
  if (summary.live) {
    return {
      ...base,
      state: 'in-progress',
      known: 'Its engine is running.',
      check: undefined,
      can: [],
    }
  }
  const later = supersededBy(summary, all)
  if (later !== undefined) {
    const known = `The devices have been in migration ${later.id} (${later.side}) since, which says what became of them.`
    // What it has written may still be news to the other side.
    const can: readonly RecoveryAction[] = wroteIn(records)('aborted') ? ['finish'] : []
    return { ...base, state: 'superseded', known, check: undefined, can }
  }
  const held = devices.every(({ holding }) => holding === 'held')
  return { ...base, ...(side === 'source' ? ofSource(summary, held) : ofDestination(summary, held)) }
}

async function lookAt({
  spec,
  protocol,
  holder,
}: JournalSummary['facts']['devices'][number]): Promise<RecoveryDevice> {
  const holding = holder !== undefined && (await holderOf(spec)) === holder ? 'held' : 'lost'
  return {
    device: spec,
    protocol,
    holding,
    state: holding === 'held' ? await stateAtKeeper(spec) : undefined,
  }
}

async function stateAtKeeper(spec: string): Promise<string | undefined> {
  const parsed = parseDeviceSpec(spec)
  if (parsed.kind !== 'held') return undefined
  try {
    await using keeper = await Keeper.connect(parsed.path)
    const devices = await keeper.devices()
    return (parsed.name === undefined ? devices[0] : devices.find(({ name }) => name === parsed.name))?.state
  } catch {
    return undefined
  }
}

type Meaning = Pick<RecoveryPlan, 'state' | 'known' | 'check' | 'can'>

function ofSource({ records }: JournalSummary, held: boolean): Meaning {
  const wrote = wroteIn(records)
  if (wrote('done')) return finished('The destination runs, and this side has let go.')
  if (wrote('resumed-by-operator')) {
    return held
      ? {
          state: 'given-up',
          known: 'An operator had the devices run again here.',
          check: undefined,
          can: ['finish'],
        }
      : lost('An operator had the devices run again here, and whoever held them is gone since.')
  }
  if (wrote('aborted') && wrote('running'))
    return {
      state: 'given-up',
      known: 'It was given up, and the devices ran again here. A copy at the destination is out of date.',
      check: undefined,
      can: ['finish'],
    }
  if (wrote('aborted')) {
    return held
      ? {
          state: 'given-up',
          known: 'It was given up; the devices are to run again here.',
          check: undefined,
          can: ['finish'],
        }
      : lost(
          'It was given up, and the devices are lost since; whether they ran again before that is not known. If they did not, a complete copy at the destination is the last one.',
        )
  }
  if (wrote('committed')) {
    return {
      state: 'outcome-unknown',
      known: `The destination was told to run, and has not answered. The devices here ${held ? 'are kept, stopped' : 'are lost'}.`,
      check:
        'What the destination knows: vfio-migrate recover there. Only if its copy is gone for good and never ran may the devices run here again.',
      can: held ? ['finish', 'resume'] : ['finish'],
    }
  }
  return held
    ? {
        state: 'cut-short',
        known: 'It was cut short before it was committed. The devices are held, and may run again.',
        check: undefined,
        can: ['finish'],
      }
    : lost(
        'It was cut short, and the devices went with their engine. A complete copy at the destination, if there is one, may be promoted there.',
      )
}

function ofDestination({ records }: JournalSummary, held: boolean): Meaning {
  const wrote = wroteIn(records)
  if (wrote('aborted'))
    return {
      state: 'given-up',
      known: 'The copy was given up and never ran. The source may not have heard it.',
      check: undefined,
      can: ['finish'],
    }
  if (wrote('done')) return finished('The devices run here, and the source has let go.')
  if (wrote('running')) {
    return {
      state: held ? 'starting' : 'finished',
      known: `The devices ran here${held ? '' : ' until whoever held them went'}. The source may not have heard it.`,
      check: undefined,
      can: ['finish'],
    }
  }
  if (wrote('committed') || wrote('promoted-by-operator')) {
    return held
      ? {
          state: 'starting',
          known: 'It is committed: the devices are held, and are to run here.',
          check: undefined,
          can: ['finish'],
        }
      : lost(
          'It is committed, and the devices were lost: they may have run before that. The source must not run again unless they did nothing that counts.',
        )
  }
  if (wrote('loaded') && held) {
    return {
      state: 'copy-waiting',
      known: 'The copy is complete, and stopped. The source has not told it what to become.',
      check:
        "What the source knows: vfio-migrate recover there. Only if its devices are gone and did not run again may the copy run on an operator's word (--promote).",
      can: ['finish', 'promote', 'abort'],
    }
  }
  return {
    state: 'cut-short',
    known: wrote('loaded')
      ? 'The copy was complete, and is lost. It never ran.'
      : 'It was cut short before the copy was complete. It never ran.',
    check: undefined,
    can: ['finish'],
  }
}

function wroteIn(
  records: JournalSummary['records'],
): (record: JournalSummary['records'][number]['record']) => boolean {
  return (record) => records.some((line) => line.record === record)
}

function finished(known: string): Meaning {
  return { state: 'finished', known, check: undefined, can: [] }
}

function lost(known: string): Meaning {
  return { state: 'lost', known, check: undefined, can: [] }
}
