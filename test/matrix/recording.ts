// SPDX-License-Identifier: MIT
// A migration in which nothing goes wrong: every call of it is one that can.
import { type OperationCount, type SimulatedOperation, simulationOf } from '../../lib/simulated/index.js'
import type { Side } from './scenario.js'
import type { Subject } from './subject.js'
import { type Ended, type Party, tryOut } from './trial.js'

/** Calls of one operation with one argument on one side. */
export interface Calls {
  readonly side: Side
  readonly operation: SimulatedOperation
  readonly argument: string | undefined
  readonly times: number
}

export interface Recording {
  readonly calls: readonly Calls[]
  /** How many things the diagnostics channels tell of each device. */
  readonly happenings: Readonly<Record<Side, number>>
}

/** @throws unless the migration goes well */
export async function record(subject: Subject): Promise<Recording> {
  let ended: Ended | undefined
  let recording: Recording | undefined
  const { outcome, problems } = await tryOut(
    { subject, side: 'source', operation: 'none', way: 'none' },
    {
      onEnded: (how) => {
        ended = how
        recording = {
          calls: [...callsOf('source', how.source), ...callsOf('destination', how.destination)],
          happenings: { source: how.source.happenings.count, destination: how.destination.happenings.count },
        }
      },
    },
  )
  if (outcome !== 'done / running' || problems.length > 0 || recording === undefined) {
    const cause = ended?.sent.status === 'rejected' ? ended.sent.reason : undefined
    throw new Error(`${subject.name} does not even go well: ${outcome} ${problems.join('; ')}`, { cause })
  }
  return recording
}

function callsOf(side: Side, { device, before }: Party): Calls[] {
  const known = new Map(before.map((count) => [keyOf(count), count.calls]))
  return simulationOf(device)
    .operations()
    .map(({ operation, argument, calls }) => ({
      side,
      operation,
      argument,
      times: calls - (known.get(keyOf({ operation, argument, calls })) ?? 0),
    }))
    .filter(({ times }) => times > 0)
}

function keyOf({ operation, argument }: OperationCount): string {
  return `${operation}:${argument}`
}
