// SPDX-License-Identifier: MIT
// Engines and holders of devices that are killed, at every record and message.
import type { KillPoint } from '../support/engine-side.js'
import type { Wired } from './batch.js'
import { type Kills, killEngines } from './killed-engine.js'
import { killHolder, type Moment } from './killed-holder.js'
import type { Side, SidedFault } from './scenario.js'
import type { Subject } from './subject.js'

const records: Readonly<Record<Side, readonly string[]>> = {
  source: ['begun', 'committed', 'done'],
  destination: ['begun', 'loaded', 'committed', 'running', 'done'],
}

const messages: Readonly<Record<Side, Readonly<Record<'in' | 'out', readonly string[]>>>> = {
  source: { in: ['ready', 'loaded', 'running'], out: ['initial', 'commit', 'done'] },
  destination: { in: ['initial', 'commit', 'done'], out: ['ready', 'loaded', 'running'] },
}

/** What makes a migration be given up. */
const refusal: SidedFault = { side: 'destination', operation: 'write', errno: 'EFAULT', nth: 2 }

export function engineKills(subject: Subject): Wired[] {
  const found: Wired[] = []
  const add = (side: Side, operation: string, kills: Kills, faults: readonly SidedFault[] = []): void => {
    const scenario = { subject, side, operation, way: 'SIGKILL', between: JSON.stringify(kills), faults }
    found.push({ scenario, carryOut: (one) => killEngines(one, kills) })
  }
  for (const side of ['source', 'destination'] as const) {
    const at = (point: KillPoint, faults: readonly SidedFault[] = []): void => {
      const what = 'record' in point ? `record ${point.record}` : `message ${point.message}`
      add(side, what, { [side]: point }, faults)
    }
    for (const record of records[side]) at({ record })
    for (const direction of ['in', 'out'] as const)
      for (const message of messages[side][direction]) at({ message, direction })
    at({ record: 'aborted' }, [refusal])
    if (side === 'source') at({ record: 'running' }, [refusal])
  }
  // The second dies when the first is back, or has died of the same.
  for (const record of ['loaded', 'committed', 'running'])
    add('destination', 'both engines', { source: { record: 'committed' }, destination: { record } })
  add('source', 'both engines', { source: { record: 'done' }, destination: { record: 'running' } })
  add('source', 'both engines', {
    source: { message: 'loaded', direction: 'in' },
    destination: { message: 'loaded', direction: 'out' },
  })
  return found
}

/** Of a whole migration, in order; `attach` is the last thing before data flows, `initial` falls into the middle of it. */
const moments: readonly Moment[] = [
  { from: 'source', kind: 'hello' },
  { from: 'destination', kind: 'welcome' },
  { from: 'source', kind: 'attach' },
  { from: 'destination', kind: 'ready' },
  { from: 'source', kind: 'alive' },
  { from: 'source', kind: 'initial' },
  { from: 'destination', kind: 'initial-loaded' },
  { from: 'destination', kind: 'loaded' },
  { from: 'source', kind: 'commit' },
  { from: 'destination', kind: 'running' },
  { from: 'source', kind: 'done' },
]

export function holderKills(subject: Subject): Wired[] {
  return (['source', 'destination'] as const).flatMap((side) =>
    moments.map((moment): Wired => {
      const operation = `holder, at ${moment.kind}`
      const scenario = { subject, side, operation, way: 'SIGKILL of the holder' }
      return { scenario, carryOut: (one) => killHolder(one, moment) }
    }),
  )
}
