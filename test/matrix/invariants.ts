// SPDX-License-Identifier: MIT
// What has to hold after every migration, however it went.
import { Journal } from '../../lib/commit/journal.js'
import type { CommitRecord } from '../../lib/commit/step.js'
import type { MemberEnd } from '../../lib/coordinator/member.js'
import { type MigrationState, VfioEngineError } from '../../lib/index.js'
import { simulationOf } from '../../lib/simulated/index.js'
import { type Ended, outcomeOf, type Party } from './trial.js'

const running: ReadonlySet<string> = new Set(['running', 'running-p2p', 'pre-copy', 'pre-copy-p2p'])
const stopped: ReadonlySet<string> = new Set(['stop', 'stop-copy'])

interface Facts extends Ended {
  /** `done`, or the outcome of the error. */
  readonly s: string
  /** `running`, or the outcome of the error. */
  readonly d: string
  readonly states: { readonly source: MigrationState; readonly destination: MigrationState }
  readonly wrote: { readonly source: readonly CommitRecord[]; readonly destination: readonly CommitRecord[] }
}

/** In sentences; none if all is well. Leads stopped devices to running at the end, to look into them. */
export async function findProblems(ended: Ended): Promise<readonly string[]> {
  const problems: string[] = []
  const wrong = (text: string): void => void problems.push(text)
  const { sent, received } = ended
  for (const result of [sent, received]) {
    if (result.status === 'rejected' && !(result.reason instanceof VfioEngineError))
      wrong(`fails with what is no engine error: ${result.reason}`)
  }
  const facts: Facts = {
    ...ended,
    s: sent.status === 'fulfilled' ? 'done' : (outcomeOf(sent.reason) ?? 'nothing'),
    d: received.status === 'fulfilled' ? 'running' : (outcomeOf(received.reason) ?? 'nothing'),
    states: { source: await stateOf(ended.source), destination: await stateOf(ended.destination) },
    wrote: {
      source: await recordsOf(ended.journals.source),
      destination: await recordsOf(ended.journals.destination),
    },
  }
  checkReports(facts, wrong)
  checkOutcomes(facts, wrong)
  checkJournals(facts, wrong)
  checkRuns(facts, wrong)
  await checkDestination(facts, wrong)
  await checkSource(facts, wrong)
  return problems
}

/** Where the devices are is where the engines say they are. */
function checkReports(facts: Facts, wrong: (text: string) => void): void {
  const { sent, received, states } = facts
  for (const [side, result] of [['source', sent] as const, ['destination', received] as const]) {
    const end = endOf(result)
    if (end === undefined) {
      // It could not even be asked what it speaks.
      if (result.status !== 'rejected' || outcomeOf(result.reason) !== 'refused')
        wrong(`the ${side} does not say where its device is`)
    } else if (end.state !== states[side] && !(end.state === 'unknown' && couldNotBeAsked(facts[side])))
      wrong(`the ${side} says ${end.state}, and is in ${states[side]}`)
  }
}

/** The two sides tell one story. */
function checkOutcomes(facts: Facts, wrong: (text: string) => void): void {
  const { scenario, s, d, sent, received, states, nudged } = facts
  const fits: Readonly<Record<string, readonly string[]>> = {
    done: ['running'],
    aborted: ['aborted', 'refused', 'waiting'],
    refused: ['aborted', 'refused'],
    unknown: ['running', 'uncertain', 'waiting', 'aborted'],
  }
  if (!fits[s]?.includes(d)) wrong(`the source ends ${s}, the destination ${d}`)
  const source = endOf(sent)
  const destination = endOf(received)
  if (s === 'done' && states.source !== 'stop' && source?.error === undefined)
    wrong(`the source is done and in ${states.source}`)
  if ((s === 'aborted' || s === 'refused') && states.source !== 'running' && !isExcused(source))
    wrong(`the source ends ${s} in ${states.source}, and does not say why`)
  if (d === 'running' && states.destination !== 'running')
    wrong(`the destination runs, and is in ${states.destination}`)
  if ((d === 'aborted' || d === 'refused') && states.destination !== 'running' && !isExcused(destination))
    wrong(`the destination ends ${d} in ${states.destination}, and does not say why`)
  // A source that is back tells the destination; only one that is not may leave a copy without a word.
  if (d === 'waiting' && s === 'aborted' && states.source === 'running' && scenario.deaf !== true)
    wrong('the source runs again, and the destination was not told to give its copy up')
  if (d === 'waiting' && !nudged) wrong('the destination stopped waiting by itself')
}

/** The journals say what the calls said. */
function checkJournals({ s, d, wrote, states }: Facts, wrong: (text: string) => void): void {
  const source = new Set(wrote.source)
  const destination = new Set(wrote.destination)
  const rules: readonly (readonly [boolean, string])[] = [
    [s === 'done' && !(source.has('committed') && source.has('done')), 'is done without having written it'],
    [s === 'done' && source.has('aborted'), 'is done and aborted'],
    [
      s === 'unknown' && (!source.has('committed') || source.has('done')),
      'does not know, and wrote otherwise',
    ],
    [s === 'aborted' && (!source.has('aborted') || source.has('done')), 'aborted without having written it'],
    [
      s === 'aborted' && states.source === 'running' && !source.has('running'),
      'runs without having written it',
    ],
    [d === 'running' && !destination.has('running'), 'runs there without having written it'],
    [
      d === 'running' && !(destination.has('committed') && source.has('committed')),
      'runs there without a commit',
    ],
    [d === 'aborted' && !destination.has('aborted'), 'aborted there without having written it'],
    [destination.has('running') && destination.has('aborted'), 'ran there, and aborted there'],
    [d === 'waiting' && wrote.destination.at(-1) !== 'loaded', 'waits there, and wrote otherwise'],
    [source.has('running') && destination.has('running'), 'ran on both sides'],
  ]
  for (const [broken, text] of rules)
    if (broken) wrong(`${text}: source wrote ${[...source]}, destination ${[...destination]}`)
}

/** Never both, by what was done to the devices. */
function checkRuns({ source, destination, states, s, wrote }: Facts, wrong: (text: string) => void): void {
  const stop = source.happenings.states.findIndex(({ actual }) => stopped.has(actual))
  const again = stop !== -1 && source.happenings.states.slice(stop).some(({ actual }) => running.has(actual))
  const led = destination.happenings.states.some(({ to, actual }) => running.has(to) && running.has(actual))
  // Calls are counted below the library, hop by hop.
  const ran = led || callsOf(destination, 'running') > 0
  if (ran && (again || running.has(states.source)))
    wrong(`both ran: the source is in ${states.source}, the destination in ${states.destination}`)
  if (s === 'done' && again) wrong('the source ran after its stop, and is done')
  // What the source held is gone: nobody may have thrown the complete copy away for its sake.
  const sourceLost = !running.has(states.source) && !stopped.has(states.source)
  if (
    sourceLost &&
    s !== 'done' &&
    wrote.destination.includes('loaded') &&
    wrote.destination.includes('aborted')
  ) {
    const reason = wrote.destination.includes('committed') ? ', which was refused' : ''
    if (reason === '')
      wrong('the source lost its devices, and the complete copy was thrown away all the same')
  }
}

async function checkDestination(facts: Facts, wrong: (text: string) => void): Promise<void> {
  const { destination, d, states, seed, steps } = facts
  const { contents } = destination
  if (d === 'running') await checkMemory('destination', contents, seed, steps, wrong)
  else if (d === 'waiting' && (await runs(destination)))
    await checkMemory('destination', contents, seed, steps, wrong)
  else if ((d === 'aborted' || d === 'refused') && states.destination === 'running') {
    const memory = await contents.readMemory(0, contents.size)
    if (memory.some((byte) => byte !== 0)) wrong('the destination gave up and was not reset')
    const count = await contents.runCount()
    if (count !== 0) wrong(`the destination gave up, and ran ${count} times`)
  }
}

async function checkSource(
  { source, states, seed, steps }: Facts,
  wrong: (text: string) => void,
): Promise<void> {
  const { contents } = source
  const count = states.source === 'running' ? await contents.runCount() : 0
  if (states.source !== 'running') {
    if (!stopped.has(states.source)) return
    if (!(await runs(source)))
      return wrong('the stopped source cannot be led back, and nothing more was to fail')
  }
  if (count > 1) wrong(`the source ran ${count} times again`)
  await checkMemory('source', contents, seed, steps, wrong)
}

async function checkMemory(
  side: string,
  contents: Party['contents'],
  seed: number,
  steps: bigint,
  wrong: (text: string) => void,
): Promise<void> {
  await contents.rest()
  const now = await contents.steps()
  if (now < steps) wrong(`the ${side} has done ${now} steps, and had done ${steps} before`)
  const at = await contents.firstDifference(seed)
  if (at !== undefined) wrong(`the memory of the ${side} is not what it was, from byte ${at} on`)
}

/** Leads a stopped device to running, so that it shows what it holds. Faults that were not due yet may strike. */
async function runs({ device }: Party): Promise<boolean> {
  const migration = await device.migration()
  for (let tries = 0; tries < 9; tries++) {
    try {
      await migration.transition('running')
      return true
    } catch {
      // Once more.
    }
  }
  return false
}

function endOf(result: Ended['sent'] | Ended['received']): MemberEnd | undefined {
  if (result.status === 'fulfilled') return result.value.devices[0] as MemberEnd
  return result.reason instanceof VfioEngineError ? result.reason.devices[0] : undefined
}

/** Whether it is said that the device could not be led where it belongs. */
function isExcused(end: MemberEnd | undefined): boolean {
  return end !== undefined && (end.recovery?.ok === false || end.error !== undefined)
}

/** Whether the question of its state was among what failed. */
function couldNotBeAsked({ device }: Party): boolean {
  return simulationOf(device)
    .firedFaults()
    .some(
      ({ rule, times }) => times > 0 && (rule.operation === 'get-state' || rule.argument === 'device-state'),
    )
}

function callsOf({ device, before }: Party, state: string): number {
  const simulation = simulationOf(device)
  const entered = ({ operation, argument }: { operation: string; argument?: string | undefined }): boolean =>
    operation === 'set-state' && argument === state
  const sum = (counts: Party['before']): number =>
    counts.filter(entered).reduce((total, { calls }) => total + calls, 0)
  const struck = simulation
    .firedFaults()
    .filter(({ rule }) => rule.operation === 'set-state' && (rule.argument ?? state) === state)
    .reduce((total, { times }) => total + times, 0)
  return sum(simulation.operations()) - sum(before) - struck
}

async function stateOf({ device }: Party): Promise<MigrationState> {
  const migration = await device.migration()
  return migration.state()
}

async function recordsOf(directory: string): Promise<readonly CommitRecord[]> {
  const { journals, damaged } = await Journal.list(directory)
  if (damaged.length > 0) throw new Error(`${damaged[0]?.path}: ${damaged[0]?.error.message}`)
  return (journals[0]?.records ?? []).map(({ record }) => record)
}
