// SPDX-License-Identifier: MIT
// Whoever holds the device of one side dies in the middle of a migration; both engines live on, in this process.
import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Journal } from '../../lib/commit/journal.js'
import { type MigratableDevice, openDevice, receive, send, VfioEngineError } from '../../lib/index.js'
import { simulatedDevice } from '../../lib/simulated/index.js'
import { TestDevice } from '../support/test-device.js'
import { LossyWires } from './lossy-wires.js'
import type { Scenario, Side } from './scenario.js'
import { hasty, outcomeOf, place, type Trial, within } from './trial.js'

const program = fileURLToPath(new URL('./holder.mjs', import.meta.url))
const SEED = 815

/** Milliseconds. */
const LIMIT = 15_000
const LEFT_ALONE = 1500

/** The message at which the holder dies, before it is sent. */
export interface Moment {
  readonly from: Side
  readonly kind: string
}

export async function killHolder(scenario: Scenario, { from, kind }: Moment): Promise<Trial> {
  const { side, subject } = scenario
  const folder = await mkdtemp(join(place, 'vfm-holder-'))
  const size = `state=${subject.options.state}`
  const spec = `sim:${subject.options.protocol},${size}${side === 'source' ? `,seed=${SEED}` : ''}`
  const holder = fork(program, [spec, join(folder, 'h')], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] })
  let kept: MigratableDevice | undefined
  let served: MigratableDevice | undefined
  try {
    await once(holder, 'message')
    served = await openDevice(`vfio-user:${join(folder, 'h')}`)
    const { protocol, state } = subject.options
    kept = await simulatedDevice({
      protocol,
      ...(state === undefined ? {} : { state }),
      ...(side === 'source' ? {} : { seed: SEED }),
    })
    const contents = await TestDevice.of(kept)
    const devices =
      side === 'source' ? { source: served, destination: kept } : { source: kept, destination: served }
    const { over, struck, results } = await migrateUntilKilled(
      devices,
      folder,
      holder,
      { from, kind },
      subject.preCopy,
    )
    if (!over) return { scenario, struck: true, outcome: 'hangs', problems: [`not over after ${LIMIT} ms`] }
    const outcome = `holder dies: ${results.join(' / ')}`
    const problems = struck ? await look(side, kept, contents, folder, results) : []
    return { scenario, struck, outcome, problems }
  } finally {
    if (holder.exitCode === null && holder.signalCode === null) {
      holder.kill('SIGKILL')
      await once(holder, 'exit')
    }
    await served?.close()
    await kept?.close()
    await rm(folder, { recursive: true, force: true })
  }
}

async function migrateUntilKilled(
  devices: Readonly<Record<Side, MigratableDevice>>,
  folder: string,
  holder: ChildProcess,
  { from, kind }: Moment,
  preCopy: boolean,
): Promise<{ over: boolean; struck: boolean; results: readonly string[] }> {
  let struck = false
  const wires = new LossyWires(undefined, async (sender, what) => {
    if (struck || sender !== from || what !== kind) return
    struck = true
    holder.kill('SIGKILL')
    await once(holder, 'exit')
  }).wires()
  const stops = { source: new AbortController(), destination: new AbortController() }
  let listening: () => void = () => {}
  const ready = new Promise<void>((resolve) => {
    listening = resolve
  })
  const address = `unix:${join(folder, 's')}`
  const received = wordOf(
    receive([devices.destination], {
      listen: address,
      journal: join(folder, 'destination'),
      times: hasty,
      confirmation: LEFT_ALONE,
      signal: stops.destination.signal,
      onListening: listening,
      ...wires.receive,
    }),
    'running',
  )
  await ready
  const sent = wordOf(
    send([devices.source], {
      to: address,
      journal: join(folder, 'source'),
      times: hasty,
      preCopy,
      patience: LEFT_ALONE,
      signal: stops.source.signal,
      ...wires.send,
    }),
    'done',
  )
  let nudge: NodeJS.Timeout | undefined
  void sent.then(() => {
    const reason = Object.assign(new Error('nobody comes'), { name: 'TimeoutError' })
    nudge = setTimeout(() => stops.destination.abort(reason), LEFT_ALONE)
  })
  const results = await within(Promise.all([sent, received]), LIMIT)
  clearTimeout(nudge)
  for (const stop of Object.values(stops)) stop.abort()
  return { over: results !== undefined, struck, results: results ?? [] }
}

async function wordOf(promise: Promise<unknown>, well: string): Promise<string> {
  const [result] = await Promise.allSettled([promise])
  if (result.status === 'fulfilled') return well
  return result.reason instanceof VfioEngineError
    ? (outcomeOf(result.reason) ?? '')
    : `no engine error: ${result.reason}`
}

/** That copy is lost, and only that one. */
async function look(
  dead: Side,
  kept: MigratableDevice,
  contents: TestDevice,
  folder: string,
  [s = '', d = '']: readonly string[],
): Promise<string[]> {
  const problems: string[] = []
  for (const word of [s, d]) if (word.startsWith('no engine error')) problems.push(word)
  const migration = await kept.migration()
  const state = await migration.state()
  const wrote = {
    source: await recordsOf(join(folder, 'source')),
    destination: await recordsOf(join(folder, 'destination')),
  }
  const where = `${state}; source ${s} wrote ${wrote.source}, destination ${d} wrote ${wrote.destination}`
  if (wrote.source.includes('running') && wrote.destination.includes('running'))
    problems.push(`both ran: ${where}`)
  if (dead === 'destination') {
    // The source has its own, running unless it is committed, and then stopped.
    const committed = wrote.source.includes('committed') && !wrote.source.includes('aborted')
    if (state !== (committed ? 'stop' : 'running')) problems.push(`the source is in ${where}`)
    if (state !== 'running') await migration.transition('running')
    if ((await contents.firstDifference(SEED)) !== undefined)
      problems.push(`the source lost its memory: ${where}`)
    return problems
  }
  const loaded = wrote.destination.includes('loaded')
  const mayRun = wrote.source.includes('committed')
  if (d === 'running') {
    if (!mayRun || state !== 'running') problems.push(`the destination runs: ${where}`)
    if ((await contents.firstDifference(SEED)) !== undefined)
      problems.push(`the destination runs something else: ${where}`)
  } else if (loaded) {
    // What may be the last copy stays.
    if (d !== 'waiting') problems.push(`the last copy was not kept: ${where}`)
    else {
      await migration.transition('running')
      if ((await contents.firstDifference(SEED)) !== undefined)
        problems.push(`the copy is not complete: ${where}`)
    }
  } else {
    const memory = await contents.readMemory(0, contents.size)
    if (memory.some((byte) => byte !== 0)) problems.push(`the destination was not reset: ${where}`)
  }
  return problems
}

async function recordsOf(directory: string): Promise<readonly string[]> {
  const { journals } = await Journal.list(directory)
  return (journals[0]?.records ?? []).map(({ record }) => record)
}
