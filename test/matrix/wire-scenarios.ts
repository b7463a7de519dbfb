// SPDX-License-Identifier: MIT
// What can go wrong between two engines: each message of a good migration, and the bytes of each connection.
import { join } from 'node:path'
import type { Wired } from './batch.js'
import { LossyWires, type MessageFault, messageActions } from './lossy-wires.js'
import { Meddler, type Meddling, meddlings, type Passed } from './meddler.js'
import type { Side } from './scenario.js'
import type { Subject } from './subject.js'
import { tryOut, type Wires } from './trial.js'

/** Of each direction of a connection, from its first byte to its last. */
const CUTS = 8

/** Milliseconds without a byte, after which a source gives a stalled connection up. */
const noProgressTimeout = 200

/** Every message of a good migration, each way to lose or damage it. */
export async function messageScenarios(subject: Subject): Promise<Wired[]> {
  const good = new LossyWires()
  await tryOut({ subject, operation: 'none', way: 'none', side: 'source' }, good.wires())
  const found: Wired[] = []
  // What is said only when something has gone wrong, or was not answered.
  const kinds = new Map(good.counts)
  for (const extra of ['source abort', 'destination aborted', 'source alive', 'destination alive'])
    kinds.set(extra, 1)
  for (const [key, count] of kinds) {
    const [from, kind] = key.split(' ') as [Side, string]
    const nths = new Set(kind === 'alive' ? [1] : [1, count])
    for (const nth of nths)
      for (const action of messageActions) found.push(wired(subject, { from, kind, nth, action }))
  }
  return found
}

function wired(subject: Subject, fault: MessageFault): Wired {
  const { from, kind, nth, action } = fault
  const isLast = kind === 'abort' || kind === 'aborted'
  return {
    scenario: {
      subject,
      side: from,
      operation: `message ${kind}`,
      way: action,
      between: `message ${nth} of this kind`,
      deaf: action === 'lost from then on',
      // An engine that lives and never says what is waited for: only a limit of the caller's ends that.
      ...(kind === 'ready' || action === 'lost from then on' ? { totalTimeout: 1000 } : {}),
      // So that there is something to give up.
      ...(isLast
        ? {
            faults: [
              kind === 'abort'
                ? ({ side: 'source', operation: 'read', argument: 'stop-copy', errno: 'EIO' } as const)
                : ({ side: 'destination', operation: 'write', errno: 'EFAULT', nth: 2 } as const),
            ],
          }
        : {}),
    },
    wires: () => new LossyWires(fault).wires(),
  }
}

/** The destination holds a complete copy; the source never hears of it, gives up, and does not get back to running. */
export function strandedScenarios(subject: Subject): Wired[] {
  const v1 = subject.options.protocol === 'v1'
  const back = v1
    ? ['stop', 'running']
    : subject.options.p2p === false
      ? ['stop', 'running']
      : ['stop', 'running-p2p', 'running']
  const fault = { from: 'destination', kind: 'loaded', nth: 1, action: 'lost from then on' } as const
  return back.flatMap((argument) =>
    [
      { errno: 'EIO', outcome: 'error' } as const,
      { errno: 'EBUSY', count: 4 } as const,
      { errno: 'EBUSY' } as const,
    ].map(
      (how): Wired => ({
        scenario: {
          subject,
          side: 'source',
          operation: `back after all was sent: set-state:${argument}`,
          way: `${how.errno}${'outcome' in how ? ' and error' : 'count' in how ? ', again and again' : ''}`,
          between: 'loaded is never heard',
          deaf: true,
          totalTimeout: 500,
          faults: [{ side: 'source', operation: 'set-state', argument, ...how }],
        },
        wires: () => new LossyWires(fault).wires(),
      }),
    ),
  )
}

/** Every connection, cut, stalled or changed at some bytes of it. */
export async function byteScenarios(subject: Subject): Promise<Wired[]> {
  let passed: readonly Passed[] = []
  const scenario = { subject, operation: 'none', way: 'none', side: 'source' } as const
  await tryOut(
    scenario,
    meddled(undefined, (one) => (passed = one.passed)),
  )
  const found: Wired[] = []
  for (const [connection, bytes] of passed.entries()) {
    for (const from of ['source', 'destination'] as const) {
      const points = new Set(
        Array.from({ length: CUTS }, (_, at) => Math.floor((at * Math.max(0, bytes[from] - 1)) / (CUTS - 1))),
      )
      for (const after of bytes[from] === 0 ? [] : points) {
        for (const how of meddlings) {
          // Nothing but TLS protects a control message, and nothing is to be believed of a peer without it.
          if (how === 'is changed' && connection === 0) continue
          found.push(bytesWired(subject, { connection, from, after, how }))
        }
      }
    }
  }
  return found
}

function bytesWired(subject: Subject, meddling: Meddling): Wired {
  const { connection, from, after, how } = meddling
  return {
    scenario: {
      subject,
      side: from,
      operation: connection === 0 ? 'control connection' : 'data connection',
      way: how,
      between: `connection ${connection}, after ${after} bytes of the ${from}`,
      noProgressTimeout,
    },
    wires: () => meddled(meddling),
  }
}

function meddled(meddling: Meddling | undefined, onEnd: (meddler: Meddler) => void = () => {}): Wires {
  let meddler: Meddler | undefined
  return {
    between: async (folder, socket) => {
      const path = join(folder, 'm')
      meddler = await Meddler.between(path, socket, meddling)
      return path
    },
    end: async () => {
      if (meddler !== undefined) onEnd(meddler)
      await meddler?.[Symbol.asyncDispose]()
    },
    struck: () => meddler?.struck ?? false,
  }
}
