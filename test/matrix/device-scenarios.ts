// SPDX-License-Identifier: MIT
// What can go wrong in the devices of a migration: each call of a good one, each way in which it can fail.
import type { SimulatedFault, SimulatedOperation } from '../../lib/simulated/index.js'
import { errnosOf } from './errnos.js'
import type { Calls, Recording } from './recording.js'
import type { Scenario, Side, SidedFault } from './scenario.js'
import type { Subject } from './subject.js'

const movesBytes: ReadonlySet<SimulatedOperation> = new Set([
  'read',
  'write',
  'register-read',
  'register-write',
])

/** Milliseconds: `late` is longer than `limit` by far, so that the limit comes first also on a busy machine. */
const late = 200
const limit = 100

/** How many points of a migration a signal is tried at, on each side. */
const POINTS = 12

type Faulty = Omit<SimulatedFault, 'operation' | 'argument'>

export function deviceScenarios(subject: Subject, recording: Recording): Scenario[] {
  return [
    ...recording.calls.flatMap((calls) => failures(subject, calls)),
    ...recording.calls.flatMap((calls) => delays(subject, calls)),
    ...rollbackFailures(subject, recording),
    ...aborts(subject, recording),
  ]
}

/** The first of these calls in every way, some later ones in one or two. */
function failures(subject: Subject, { side, operation, argument, times }: Calls): Scenario[] {
  const found: Scenario[] = []
  const add = (way: string, faulty: Faulty): void => {
    const fault: SidedFault = { side, operation, ...(argument === undefined ? {} : { argument }), ...faulty }
    found.push({ subject, operation: nameOf(operation, argument), way, side, faults: [fault] })
  }
  const errnos = errnosOf(operation)
  for (const errno of errnos) add(errno, { errno })
  for (const nth of laterOnes(times)) {
    const errno = errnos[nth % errnos.length] as string
    add(errno, { errno, nth })
  }
  if (operation === 'set-state') {
    add('EIO and error', { errno: 'EIO', outcome: 'error' })
    if (subject.options.protocol === 'v2') add('EMFILE, entered', { errno: 'EMFILE', outcome: 'requested' })
  }
  if (movesBytes.has(operation)) {
    add('short', { kind: 'short' })
    if (times > 1) add('short', { kind: 'short', nth: 2 })
    if (operation === 'write' || operation === 'read') add('none', { kind: 'short', bytes: 0 })
  }
  return found
}

function laterOnes(times: number): readonly number[] {
  const some = [2, 3, Math.ceil(times / 2), times].filter((nth) => nth > 1 && nth <= times)
  return [...new Set(some)]
}

/** Later than the source waits, and never. */
function delays(subject: Subject, { side, operation, argument, times }: Calls): Scenario[] {
  if (operation !== 'set-state' && operation !== 'read' && operation !== 'write') return []
  const of = { subject, operation: nameOf(operation, argument), side }
  const rule = { side, operation, ...(argument === undefined ? {} : { argument }) }
  const found: Scenario[] = [
    { ...of, way: 'late', delays: [{ ...rule, milliseconds: late }], totalTimeout: limit },
  ]
  if (operation !== 'set-state') {
    for (const nth of new Set([1, times]))
      found.push({ ...of, way: 'hangs', faults: [{ ...rule, kind: 'hang', nth }], noProgressTimeout: limit })
  }
  return found
}

/** One fault that ends the migration, and another on the way back. */
function rollbackFailures(subject: Subject, { calls }: Recording): Scenario[] {
  const v1 = subject.options.protocol === 'v1'
  const has = (side: Side, operation: SimulatedOperation, argument?: string): boolean =>
    calls.some((one) => one.side === side && one.operation === operation && one.argument === argument)
  const triggers: SidedFault[] = [
    { side: 'source', operation: 'read', argument: 'pre-copy', errno: 'EIO' },
    { side: 'source', operation: 'read', argument: 'stop-copy', errno: 'EIO' },
    { side: 'source', operation: 'set-state', argument: 'stop-copy', errno: 'EIO' },
    { side: 'source', operation: 'register-read', argument: 'data-size', errno: 'EIO', nth: 3 },
    { side: 'destination', operation: 'write', errno: 'EFAULT', nth: 2 },
    { side: 'destination', operation: 'register-write', argument: 'data-size', errno: 'EINVAL', nth: 2 },
    { side: 'destination', operation: 'set-state', argument: 'resuming', errno: 'EIO' },
    // The device refuses what it was given.
    {
      side: 'destination',
      operation: 'set-state',
      argument: v1 ? 'running' : 'stop',
      errno: 'EINVAL',
      nth: v1 ? 1 : 2,
    },
    { side: 'destination', operation: 'set-state', argument: 'running', errno: 'EIO' },
  ]
  const back = v1 ? ['stop', 'running'] : ['stop', 'running-p2p', 'running']
  const found: Scenario[] = []
  for (const trigger of triggers.filter((one) => has(one.side, one.operation, one.argument))) {
    const add = (second: SidedFault, way: string): void => {
      const operation = `back: ${nameOf(second.operation, second.argument)}`
      found.push({ subject, side: second.side, operation, way, faults: [trigger, second] })
    }
    for (const argument of back) {
      const rule = { side: 'source', operation: 'set-state', argument } as const
      add({ ...rule, errno: 'EBUSY' }, 'EBUSY')
      add({ ...rule, errno: 'EIO', count: 4 }, 'EIO, again and again')
      add({ ...rule, errno: 'EIO', outcome: 'error' }, 'EIO and error')
    }
    const reset = { side: 'destination', operation: 'reset' } as const
    for (const errno of errnosOf('reset')) add({ ...reset, errno }, errno)
    add({ ...reset, errno: 'EIO', count: 4 }, 'EIO, again and again')
    add(
      {
        side: 'source',
        operation: v1 ? 'register-read' : 'get-state',
        ...(v1 ? { argument: 'device-state' } : {}),
        errno: 'EIO',
        nth: 9,
      },
      'EIO',
    )
  }
  return found
}

/** An engine is told to give up: at evenly spread points of what is done to either device. */
function aborts(subject: Subject, { happenings }: Recording): Scenario[] {
  const found: Scenario[] = []
  for (const side of ['source', 'destination'] as const) {
    for (const on of ['source', 'destination'] as const) {
      const points = new Set(
        Array.from({ length: POINTS }, (_, at) => 1 + Math.floor((at * (happenings[on] - 1)) / (POINTS - 1))),
      )
      for (const after of points)
        found.push({
          subject,
          side,
          operation: `signal`,
          way: `at a call of the ${on}`,
          abort: { side, on, after },
        })
    }
  }
  return found
}

function nameOf(operation: string, argument: string | undefined): string {
  // Which region it was is no dimension.
  return argument === undefined || /^[0-9]+$/.test(argument) ? operation : `${operation}:${argument}`
}
