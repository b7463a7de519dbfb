// SPDX-License-Identifier: MIT
// Many scenarios, some at a time.
import { readdir } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { describeScenario, type Scenario } from './scenario.js'
import { type Tally, tallyOf } from './tally.js'
import { type Trial, tryOut, type Wires } from './trial.js'

/** Engines wait most of the time. */
const AT_A_TIME = 20

export interface BatchOptions {
  /** How many scenarios at a time. */
  readonly atATime?: number | undefined
  /** Called before what is left over is counted. */
  readonly end?: (() => Promise<void>) | undefined
}

export interface Batch {
  readonly tally: Tally
  /** What was wrong, with the scenario it was wrong in. */
  readonly problems: readonly string[]
}

/** A scenario with what its engines are connected by, or with another way to carry it out. */
export interface Wired {
  readonly scenario: Scenario
  readonly wires?: () => Wires
  readonly carryOut?: (scenario: Scenario) => Promise<Trial>
}

export async function runAll(
  scenarios: readonly Wired[],
  { atATime = AT_A_TIME, end = async () => {} }: BatchOptions = {},
): Promise<Batch> {
  // Threads and descriptors that stay are made by the first ones.
  const [first, ...others] = scenarios
  const trials: Trial[] = first === undefined ? [] : [await trial(first)]
  await end()
  collect()
  await pause(100)
  const before = await holdings()
  const queue = others.values()
  await Promise.all(
    Array.from({ length: atATime }, async () => {
      for (const scenario of queue) trials.push(await trial(scenario))
    }),
  )
  await end()
  const problems = trials.flatMap(({ scenario, outcome, problems }) =>
    problems.map((problem) => `${describeScenario(scenario)}: ${problem} (${outcome})`),
  )
  return { tally: tallyOf(trials), problems: [...problems, ...(await leaks(before))] }
}

function trial({ scenario, wires, carryOut }: Wired): Promise<Trial> {
  return carryOut?.(scenario) ?? tryOut(scenario, wires?.())
}

interface Holdings {
  readonly descriptors: number
  readonly threads: number
}

async function holdings(): Promise<Holdings> {
  const [descriptors, threads] = await Promise.all([readdir('/proc/self/fd'), readdir('/proc/self/task')])
  return { descriptors: descriptors.length, threads: threads.length }
}

// Handles that were closed keep an idle thread until they are collected.
setFlagsFromString('--expose-gc')
const collect = runInNewContext('gc') as () => void

/** What was not given back. */
async function leaks(before: Holdings): Promise<string[]> {
  for (let tries = 0; ; tries++) {
    collect()
    const now = await holdings()
    const more = [
      now.descriptors > before.descriptors
        ? [`${now.descriptors - before.descriptors} descriptors more than before`]
        : [],
      now.threads > before.threads ? [`${now.threads - before.threads} threads more than before`] : [],
    ].flat()
    if (more.length === 0 || tries === 30) return more
    await pause(100)
  }
}
