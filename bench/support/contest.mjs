// SPDX-License-Identifier: MIT
// Several contenders over one source and sink: rounds that alternate, so that a slow moment of the machine strikes all alike.
import { watchForeign } from './foreign-cpu.mjs'
import { openSink } from './sinks.mjs'
import { rotated, summary } from './statistics.mjs'
import { Worker } from './worker.mjs'

const GIB = 2 ** 30

/** Of the processors, how much others may have used before a round is repeated. */
const FOREIGN_SHARE = 0.15

/**
 * @typedef {object} Contestant
 * @property {string} name
 * @property {readonly string[]} command `@fd` stands for the sink's descriptor
 */

/**
 * @param {{ sink: string, contestants: readonly Contestant[], rounds: number, signal?: AbortSignal }} contest
 * @returns {Promise<Record<string, object>>} for each name its figures, or `{ broken }` with why it has none
 */
export async function contest({ sink, contestants, rounds, signal }) {
  const entrants = []
  const results = {}
  try {
    for (const { name, command } of contestants) {
      const opened = await openSink(sink)
      const entrant = { name, opened, worker: undefined, samples: [], repeated: 0 }
      entrants.push(entrant)
      try {
        entrant.worker = await Worker.start(command, opened.fd)
        await entrant.worker.round() // pages, caches and the compiler warm up
      } catch (error) {
        results[name] = { broken: error.message }
      }
    }
    for (let round = 0; round < rounds; round++) {
      for (const entrant of rotated(entrants, round)) {
        if (signal?.aborted) return results
        if (results[entrant.name]?.broken) continue
        try {
          await measured(entrant)
        } catch (error) {
          results[entrant.name] = { broken: error.message }
        }
      }
    }
    for (const { name, samples, repeated } of entrants) {
      if (samples.length > 0 && !results[name]?.broken) results[name] = figures(samples, repeated)
    }
    return results
  } finally {
    for (const { worker, opened } of entrants) {
      await worker?.end()
      opened.close()
    }
  }
}

async function measured(entrant) {
  const pids = [entrant.worker.pid, ...entrant.opened.pids]
  for (let attempt = 0; ; attempt++) {
    const foreign = watchForeign(pids)
    const start = performance.now()
    const sample = await entrant.worker.round()
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
