// SPDX-License-Identifier: MIT
// One migration with something that goes wrong in it.
import type { SimulatedDelay, SimulatedFault } from '../../lib/simulated/index.js'
import type { Subject } from './subject.js'

export type Side = 'source' | 'destination'

export interface SidedFault extends SimulatedFault {
  readonly side: Side
}

export interface SidedDelay extends SimulatedDelay {
  readonly side: Side
}

export interface Scenario {
  readonly subject: Subject
  /** What it is about, for the counts: an operation, a message. */
  readonly operation: string
  /** Which of the ways to fail: an errno, `short`, … */
  readonly way: string
  /** On whose side it strikes. */
  readonly side: Side
  readonly faults?: readonly SidedFault[]
  readonly delays?: readonly SidedDelay[]
  /** The engine of this side is told to give up once that many things were done to the device of the other or the same. */
  readonly abort?: { readonly side: Side; readonly on: Side; readonly after: number }
  /** The source gives up when it takes longer, in milliseconds. */
  readonly totalTimeout?: number
  /** The source gives up when no byte moves for as long, in milliseconds. */
  readonly noProgressTimeout?: number
  /** Messages do not pass in the end: a side may be left without the other's last word. */
  readonly deaf?: boolean
  /** What happens between the engines, for people. */
  readonly between?: string
}

/** For people: which case it was. */
export function describeScenario({
  subject,
  side,
  operation,
  way,
  faults = [],
  delays = [],
  abort,
  between,
}: Scenario): string {
  const details = [
    ...faults.map(
      ({ side: at, operation: of, argument, errno, kind, nth = 1, count = 1, outcome }) =>
        `${at} ${of}${argument === undefined ? '' : `:${argument}`} ${errno ?? kind} nth=${nth} count=${count}${outcome === undefined ? '' : ` ${outcome}`}`,
    ),
    ...delays.map(
      ({ side: at, operation: of, argument, milliseconds }) => `${at} ${of}:${argument} +${milliseconds} ms`,
    ),
    ...(between === undefined ? [] : [between]),
    ...(abort === undefined ? [] : [`${abort.side} gives up after ${abort.after} on ${abort.on}`]),
  ]
  return `${subject.name} | ${side} ${operation} ${way} | ${details.join('; ')}`
}
