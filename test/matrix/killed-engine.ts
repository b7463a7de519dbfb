// SPDX-License-Identifier: MIT
// Engines in processes of their own that kill themselves, their devices behind vfio-user servers that live on; then what recovery makes of it.
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { Journal } from '../../lib/commit/journal.js'
import {
  type MigratableDevice,
  openDevice,
  recoverDestination,
  recoverSource,
  serve,
  type VfioUserServer,
} from '../../lib/index.js'
import { type SimulatedFault, simulatedDevice, simulationOf } from '../../lib/simulated/index.js'
import { EngineSide, type KillPoint } from '../support/engine-side.js'
import { TestDevice } from '../support/test-device.js'
import type { Scenario, Side } from './scenario.js'
import { hasty, place, type Trial, within } from './trial.js'

const ID = 'killed'

/** Milliseconds. */
const LIMIT = 20_000

/** What an engine that is recovered waits for the other. Milliseconds. */
const PATIENCE = 3000

const times = { ...hasty, silence: 1000, connect: 3000 }

/** Which engine dies at which point; both, if both are named. */
export type Kills = Partial<Record<Side, KillPoint>>

/** Processes that play a side, and have come through the one before. */
const idle: EngineSide[] = []

export async function endIdleEngines(): Promise<void> {
  await Promise.all(idle.splice(0).map((side) => side[Symbol.asyncDispose]()))
}

interface Held {
  readonly device: MigratableDevice
  readonly contents: TestDevice
  readonly server: VfioUserServer
  readonly spec: string
}

async function hold(scenario: Scenario, side: Side, folder: string, seed?: number): Promise<Held> {
  const device = await simulatedDevice({
    ...scenario.subject.options,
    ...(seed === undefined ? { dirtyRate: 0 } : { seed }),
  })
  const contents = await TestDevice.of(device)
  for (const { side: at, ...fault } of scenario.faults ?? [])
    if (at === side) simulationOf(device).inject(fault as SimulatedFault)
  const path = join(folder, side === 'source' ? 'a' : 'b')
  return { device, contents, server: await serve(device, path), spec: `vfio-user:${path}` }
}

export async function killEngines(scenario: Scenario, kills: Kills): Promise<Trial> {
  const seed = 4711
  const folder = await mkdtemp(join(place, 'vfm-killed-'))
  const held = {
    source: await hold(scenario, 'source', folder, seed),
    destination: await hold(scenario, 'destination', folder),
  }
  const sides = {
    source: idle.pop() ?? (await EngineSide.start()),
    destination: idle.pop() ?? (await EngineSide.start()),
  }
  const journals = { source: join(folder, 'source'), destination: join(folder, 'destination') }
  const problems: string[] = []
  const died = { source: false, destination: false }
  let outcome = ''
  try {
    const receiving = sides.destination.do({
      action: 'receive',
      specs: [held.destination.spec],
      options: { listen: `unix:${join(folder, 's')}`, journal: journals.destination, times },
      ...(kills.destination === undefined ? {} : { killAt: kills.destination }),
    })
    const sending = sides.source.do({
      action: 'send',
      specs: [held.source.spec],
      options: {
        to: await receiving.listening,
        journal: journals.source,
        times,
        id: ID,
        preCopy: scenario.subject.preCopy,
        preCopyTimeout: 300,
        patience: 2 * PATIENCE,
      },
      ...(kills.source === undefined ? {} : { killAt: kills.source }),
    })
    const answers = { source: sending.answer, destination: receiving.answer }
    const words: Partial<Record<Side, string>> = {}
    // The first to die, then whoever dies of hearing of it or after the first is back.
    const follow = async (side: Side): Promise<void> => {
      const ended = await Promise.race([
        answers[side].then(({ ok, error }) => (ok ? 'well' : (error?.outcome ?? error?.code ?? 'failed'))),
        sides[side].ended.then(() => undefined),
      ]).catch(() => undefined)
      if (ended !== undefined) {
        words[side] = ended
        return
      }
      died[side] = true
      words[side] = await recover(side, held[side].spec, journals[side], folder)
    }
    const first = follow('source')
    const both = Promise.race([
      Promise.all([first, follow('destination')]),
      first.then(() => nobodyComes(journals.destination)),
    ])
    const over = await within(
      both.then(() => true),
      LIMIT,
    )
    if (over !== true && (await Journal.list(journals.destination)).journals.length > 0)
      problems.push(`not over after ${LIMIT} ms: source ${words.source}, destination ${words.destination}`)
    // A vfio-user server resets a v1 device whose load was given up: the copy is gone, and never ran. An operator can see that, and says so.
    if (words.destination === 'uncertain' && (await held.destination.contents.runCount()) === 0) {
      words.source = await recover('source', held.source.spec, journals.source, folder, { resume: true })
    }
    outcome = `${words.source ?? 'not over'} / ${words.destination ?? 'nobody came'}`
    const struck = (['source', 'destination'] as const).every(
      (side) => kills[side] === undefined || died[side],
    )
    if (struck && problems.length === 0) problems.push(...(await look(held, journals, seed)))
    return { scenario, struck, outcome: `recovered: ${outcome}`, problems }
  } finally {
    for (const side of ['source', 'destination'] as const) {
      const { server, device } = held[side]
      if (died[side] || problems.length > 0 || outcome.includes('nobody') || outcome.includes('not over'))
        await sides[side][Symbol.asyncDispose]()
      else idle.push(sides[side])
      await server.close()
      await device.close()
    }
    await rm(folder, { recursive: true, force: true })
  }
}

/** Resolves if nothing has begun at the destination a while after the source was over, else never. */
async function nobodyComes(journal: string): Promise<void> {
  await pause(500)
  if ((await Journal.list(journal)).journals.length > 0) await new Promise(() => {})
}

/** @returns where it stands then, in a word */
async function recover(
  side: Side,
  spec: string,
  journal: string,
  folder: string,
  word: { readonly resume?: boolean } = {},
): Promise<string> {
  if ((await Journal.list(journal)).journals.length === 0) return 'not begun'
  await using device = await openDevice(spec, { keepState: true })
  const stop = new AbortController()
  const timer = setTimeout(() => stop.abort(), 2 * PATIENCE)
  const common = { id: ID, journal, times, signal: stop.signal }
  try {
    const { state } =
      side === 'source'
        ? await recoverSource([device], { ...common, ...word, patience: PATIENCE })
        : await recoverDestination([device], {
            ...common,
            confirmation: PATIENCE,
            listen: `unix:${join(folder, 's')}`,
          })
    return state
  } catch (error) {
    return (error as { outcome?: string }).outcome ?? String(error)
  } finally {
    clearTimeout(timer)
  }
}

/** Exactly one copy runs, and it is the right one. */
async function look(
  { source, destination }: Readonly<Record<Side, Held>>,
  journals: Readonly<Record<Side, string>>,
  seed: number,
): Promise<string[]> {
  const problems: string[] = []
  const states = {
    source: await (await source.device.migration()).state(),
    destination: await (await destination.device.migration()).state(),
  }
  const wrote = {
    source: await recordsOf(journals.source),
    destination: await recordsOf(journals.destination),
  }
  const where = `source ${states.source}, wrote ${wrote.source}; destination ${states.destination}, wrote ${wrote.destination}`
  const sourceRuns = states.source === 'running'
  let destinationRuns = false
  if (states.destination === 'running') {
    await destination.contents.rest()
    const memory = await destination.contents.readMemory(0, destination.contents.size)
    const empty = memory.every((byte) => byte === 0)
    destinationRuns = !empty
    if (!empty && (await destination.contents.firstDifference(seed)) !== undefined)
      problems.push(`the destination runs something else: ${where}`)
    if (empty && (await destination.contents.runCount()) !== 0) problems.push(`the empty one ran: ${where}`)
  }
  if (sourceRuns) {
    await source.contents.rest()
    if ((await source.contents.firstDifference(seed)) !== undefined)
      problems.push(`the memory of the source is not what it was: ${where}`)
    if ((await source.contents.runCount()) > 1) problems.push(`the source ran more than once: ${where}`)
  }
  if (Number(sourceRuns) + Number(destinationRuns) !== 1)
    problems.push(`${Number(sourceRuns) + Number(destinationRuns)} copies run: ${where}`)
  if (wrote.source.includes('running') && wrote.destination.includes('running'))
    problems.push(`both wrote that they run: ${where}`)
  return problems
}

async function recordsOf(directory: string): Promise<readonly string[]> {
  const { journals } = await Journal.list(directory)
  return (journals[0]?.records ?? []).map(({ record }) => record)
}
