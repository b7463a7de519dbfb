// SPDX-License-Identifier: MIT
// Several contenders over one source and sink: rounds that alternate, so that a slow moment of the machine strikes all alike.
import { watchForeign } from './foreign-cpu.mjs'
import { openSink } from './sinks.mjs'
import { rotated, summary } from './statistics.mjs'
import { Worker } from './worker.mjs'

const GIB = 2 ** 30

/**
 * How fast memory is depends on which a process got: the same program differs from itself by more from process to process than from
 * round to round.
 */
const ROUNDS_PER_PROCESS = 2

/** Of the processors, how much others may have used before a round is repeated. */
const FOREIGN_SHARE = 0.15

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {readonly string[]} command `@fd` stands for the sink's descriptor
 * @property {number} [rounds] at most so many
 * @property {boolean} [blocking] whether its writes to a socket wait
 */

/**
 * @param {{ sink: string, contestants: readonly Contestant[], rounds: number, signal?: AbortSignal }} contest
 * @returns {Promise<Record<string, object>>} for each name its figures, or `{ broken }` with why it has none
 */
export async function contest({ sink, contestants, rounds, signal }) {
  const entrants = contestants.map((contestant) => ({
    name: contestant.name,
    command: contestant.command,
    blocking: contestant.blocking ?? false,
    rounds: Math.min(rounds, contestant.rounds ?? rounds),
    samples: [],
    repeated: 0,
    broken: undefined,
  }))
  for (let turn = 0; turn * ROUNDS_PER_PROCESS < rounds; turn++) {
    for (const entrant of rotated(entrants, turn)) {
      const left = entrant.rounds - turn * ROUNDS_PER_PROCESS
      if (signal?.aborted || entrant.broken !== undefined || left <= 0) continue
      try {
        await appear(entrant, sink, Math.min(ROUNDS_PER_PROCESS, left))
      } catch (error) {
        entrant.broken = error.message
      }
    }
  }
  return Object.fromEntries(
    entrants.map(({ name, samples, repeated, broken }) => [
      name,
      broken !== undefined || samples.length === 0
        ? { broken: broken ?? 'interrupted' }
        : figures(samples, repeated),
    ]),
  )
}

/** A process for a few rounds, over a sink of its own. */
async function appear(entrant, sink, rounds) {
  const opened = await openSink(sink, entrant)
  let worker
  try {
    worker = await Worker.start(entrant.command, opened.fd)
    await worker.round() // pages, caches and the compiler warm up
    for (let round = 0; round < rounds; round++) await measured(entrant, worker, opened)
  } finally {
    await worker?.end()
    opened.close()
  }
}

async function measured(entrant, worker, opened) {
  const pids = [worker.pid, ...opened.pids]
  for (let attempt = 0; ; attempt++) {
    const foreign = watchForeign(pids)
    const start = performance.now()
    const sample = await worker.round()
    const share = foreign() / ((performance.now() - start) / 1000)
    // Clock ticks are coarse beside a round of a tenth of a second.
    if (share > FOREIGN_SHARE + 0.02 / sample.seconds && attempt < 2) {
      entrant.repeated++
      continue
    }
    entrant.samples.push({ ...sample, foreign: share })
    return
  }
}

function figures(samples, repeated) {
  const of = (pick) => summary(samples.map(pick))
  return {
    bytes: samples[0].bytes,
    gibPerSecond: of(({ bytes, seconds }) => bytes / GIB / seconds),
    cpuSecondsPerGib: of(({ bytes, cpuSeconds }) => (cpuSeconds / bytes) * GIB),
    peakKiB: Math.max(...samples.map(({ peakKiB }) => peakKiB)),
    ...(samples[0].latenessMs === undefined ? {} : { latenessMs: of(({ latenessMs }) => latenessMs) }),
    foreign: of(({ foreign }) => foreign).median,
    repeated,
  }
}
