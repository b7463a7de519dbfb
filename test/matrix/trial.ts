// SPDX-License-Identifier: MIT
// One scenario carried out: two simulated devices, two engines over a UNIX socket, and a look at everything afterwards.
import { access, constants, mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type MigratableDevice,
  type ReceiveOptions,
  type ReceiveReport,
  receive,
  type SendOptions,
  type SendReport,
  send,
} from '../../lib/index.js'
import {
  type OperationCount,
  type SimulatedFault,
  simulatedDevice,
  simulationOf,
} from '../../lib/simulated/index.js'
import { TestDevice } from '../support/test-device.js'
import { type Happenings, watch } from './happenings.js'
import { findProblems } from './invariants.js'
import type { Scenario, Side } from './scenario.js'

/** Short, so that a case that waits for them is short too. Milliseconds. */
export const hasty = { heartbeat: 25, silence: 500, repeat: 40, farewell: 400, connect: 1000 }

/** Longer than any scenario may take, whatever the machine does beside. Milliseconds. */
const LIMIT = 15_000

/** How long a source waits once it is committed. Milliseconds. */
const PATIENCE = 1200

/** How long a destination is left alone when its source has given up. Milliseconds. */
const LEFT_ALONE = 1000

export interface Party {
  readonly device: MigratableDevice
  readonly contents: TestDevice
  readonly happenings: Happenings & Disposable
  /** Calls of a device's operations before the migration. */
  readonly before: readonly OperationCount[]
}

/** Everything that a look afterwards needs. */
export interface Ended {
  readonly scenario: Scenario
  readonly seed: number
  /** Of the workload, before the migration. */
  readonly steps: bigint
  readonly source: Party
  readonly destination: Party
  readonly sent: PromiseSettledResult<SendReport>
  readonly received: PromiseSettledResult<ReceiveReport>
  /** The destination was told to stop waiting, which decides nothing. */
  readonly nudged: boolean
  readonly journals: { readonly source: string; readonly destination: string }
}

export interface Trial {
  readonly scenario: Scenario
  /** Whether what was to go wrong did. */
  readonly struck: boolean
  /** How the two sides ended, in a word each. */
  readonly outcome: string
  readonly problems: readonly string[]
}

export interface Wires {
  /** Stands between the engines: told where the destination listens, it says where the source is to connect. */
  readonly between?: (folder: string, socket: string) => Promise<string>
  /** Called when everything is over. */
  readonly end?: () => Promise<void>
  readonly send?: Partial<SendOptions>
  readonly receive?: Partial<ReceiveOptions>
  /** Whether what was to go wrong between the engines did. */
  readonly struck?: () => boolean
  /** Told of it before anybody looks into the devices. */
  readonly onEnded?: (ended: Ended) => void
}

// Memory rather than a disk, where that can be had: journals are made durable thousands of times.
const shared = '/dev/shm'
export const place = await access(shared, constants.W_OK).then(
  () => shared,
  () => tmpdir(),
)

let trials = 0

export async function tryOut(scenario: Scenario, wires: Wires = {}): Promise<Trial> {
  const number = ++trials
  const seed = 1 + (number % 65_521)
  const folder = await mkdtemp(join(place, 'vfm-matrix-'))
  const source = await partyOf(scenario, 'source', number, seed)
  const destination = await partyOf(scenario, 'destination', number)
  try {
    const steps = await source.contents.steps()
    for (const { side, ...fault } of scenario.faults ?? [])
      simulationOf((side === 'source' ? source : destination).device).inject(fault as SimulatedFault)
    const begun = { scenario, seed, steps, source, destination }
    const ending = await carryOut(begun, folder, wires)
    if ('hangs' in ending) {
      return { scenario, struck: true, outcome: 'hangs', problems: [`${ending.hangs} after ${LIMIT} ms`] }
    }
    const { abortFired, ...how } = ending
    const ended: Ended = {
      ...begun,
      ...how,
      journals: { source: join(folder, 'source'), destination: join(folder, 'destination') },
    }
    wires.onEnded?.(ended)
    const struck = hasStruck(ended, abortFired) && (wires.struck?.() ?? true)
    const outcome = `${wordOf(ended.sent)} / ${wordOf(ended.received)}`
    return { scenario, struck, outcome, problems: struck ? await findProblems(ended) : [] }
  } finally {
    for (const { device, happenings } of [source, destination]) {
      await device.close()
      happenings[Symbol.dispose]()
    }
    await wires.end?.()
    await rm(folder, { recursive: true, force: true })
  }
}

async function partyOf(
  { subject, delays = [] }: Scenario,
  side: Side,
  number: number,
  seed?: number,
): Promise<Party> {
  const spec = `sim:${subject.options.protocol},${side}-${number}`
  const device = await simulatedDevice(
    {
      ...subject.options,
      ...(seed === undefined ? { dirtyRate: 0 } : { seed }),
      delays: delays.filter((delay) => delay.side === side),
    },
    spec,
  )
  const contents = await TestDevice.of(device)
  return { device, contents, happenings: watch(spec), before: simulationOf(device).operations() }
}

async function carryOut(
  { scenario, source, destination }: Pick<Ended, 'scenario' | 'source' | 'destination'>,
  folder: string,
  wires: Wires,
): Promise<(Pick<Ended, 'sent' | 'received' | 'nudged'> & { abortFired: boolean }) | { hangs: string }> {
  const { abort, totalTimeout, noProgressTimeout, subject } = scenario
  const stops = { source: new AbortController(), destination: new AbortController() }
  let abortFired = false
  let over = false
  if (abort !== undefined) {
    const { happenings } = abort.on === 'source' ? source : destination
    happenings.after(abort.after, () => {
      abortFired = !over
      stops[abort.side].abort()
    })
  }
  const address = `unix:${join(folder, 's')}`
  let isListening: () => void = () => {}
  const listening = new Promise<void>((resolve) => {
    isListening = resolve
  })
  const receiving = receive([destination.device], {
    listen: address,
    journal: join(folder, 'destination'),
    times: hasty,
    bufferSize: 64 * 1024,
    confirmation: PATIENCE,
    signal: stops.destination.signal,
    onListening: isListening,
    ...wires.receive,
  })
  const received = settled(receiving)
  await Promise.race([listening, received])
  const socket = join(folder, 's')
  const sending = send([source.device], {
    to: `unix:${(await wires.between?.(folder, socket)) ?? socket}`,
    journal: join(folder, 'source'),
    times: hasty,
    preCopy: subject.preCopy,
    bufferSize: 64 * 1024,
    preCopyTimeout: 300,
    patience: PATIENCE,
    signal: stops.source.signal,
    ...(totalTimeout === undefined ? {} : { totalTimeout }),
    ...(noProgressTimeout === undefined ? {} : { noProgressTimeout }),
    ...wires.send,
  })
  let nudged = false
  let nudge: NodeJS.Timeout | undefined
  const sent = settled(sending).then((result) => {
    const timeout = Object.assign(new Error('the source is gone'), { name: 'TimeoutError' })
    // Nobody comes to a destination whose source was refused.
    const refused = result.status === 'rejected' && outcomeOf(result.reason) === 'refused'
    nudge = setTimeout(
      () => {
        nudged = true
        stops.destination.abort(timeout)
      },
      refused ? 0 : LEFT_ALONE,
    )
    return result
  })
  const both = Promise.all([sent, received])
  try {
    const ended = await within(both, LIMIT)
    over = true
    if (ended === undefined) {
      const sides = await Promise.all(
        [sent, received].map(async (side) => {
          const result = await within<PromiseSettledResult<SendReport | ReceiveReport>>(side, 0)
          return result === undefined ? 'is not over' : `is ${wordOf(result)}`
        }),
      )
      // What hangs in a device is freed by closing it, so that the other cases can go on.
      for (const stop of Object.values(stops)) stop.abort()
      for (const { device } of [source, destination]) await within(device.close(), 2000)
      await within(both, 2000)
      return { hangs: `the source ${sides[0]}, the destination ${sides[1]}` }
    }
    return { sent: ended[0], received: ended[1], nudged, abortFired }
  } finally {
    clearTimeout(nudge)
  }
}

function hasStruck({ scenario, source, destination }: Ended, abortFired: boolean): boolean {
  const simulations = [source, destination].map(({ device }) => simulationOf(device))
  const fired = simulations.flatMap((one) => [...one.firedFaults(), ...one.firedDelays()])
  return fired.every(({ times }) => times > 0) && (scenario.abort === undefined || abortFired)
}

function wordOf(result: PromiseSettledResult<SendReport | ReceiveReport>): string {
  if (result.status === 'rejected') return outcomeOf(result.reason) ?? 'no engine error'
  if (result.value.side === 'source') return 'done'
  return result.value.confirmed ? 'running' : 'running, unconfirmed'
}

export function outcomeOf(reason: unknown): string | undefined {
  return (reason as { outcome?: string }).outcome
}

async function settled<T>(promise: Promise<T>): Promise<PromiseSettledResult<T>> {
  const [result] = await Promise.allSettled([promise])
  return result
}

export async function within<T>(promise: Promise<T>, milliseconds: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), milliseconds)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
