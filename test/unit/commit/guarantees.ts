// SPDX-License-Identifier: MIT
// What docs/commit-protocol.md promises, as properties of one state of the world, and of what a fair future makes of it.
import type { CommitRecord } from '../../../lib/commit/step.js'
import { type Move, moves, type Reducers, type World } from './world.js'

/** The guarantee that this state breaks, or `undefined`. */
export function broken(world: World): string | undefined {
  const source = (record: CommitRecord) => world.source.journal.includes(record)
  const destination = (record: CommitRecord) => world.destination.journal.includes(record)
  if (world.sourceRanAgain && world.destinationRan) return 'G1: both ran after the source stopped'
  if (world.destinationRan && !destination('committed') && !destination('promoted-by-operator'))
    return 'G1: the destination ran without a commit in its journal'
  if (world.sent.includes('commit') && !source('committed'))
    return 'G1: a commit was sent that is not written'
  if (
    source('committed') &&
    world.sourceRanAgain &&
    !destination('aborted') &&
    !source('resumed-by-operator')
  )
    return 'G1: the source ran after its commit, and nobody had said that it may'
  if (destination('loaded') && destination('aborted') && world.gaveUp === undefined)
    return 'G3: the destination gave up a loaded copy by itself'
  if (world.gaveUp === 'told' && !world.sourceRuns)
    return 'G6: the destination was told to give up what may be the last copy'
  const decided = source('done') || source('aborted') || source('resumed-by-operator')
  if (source('committed') && !decided && !['stopped', 'lost'].includes(world.sourceDevice))
    return 'G4: the source did not keep its devices stopped'
  const sourceHas = world.sourceDevice === 'running' || world.sourceDevice === 'stopped'
  const destinationHas = world.destinationDevice === 'loaded' || world.destinationDevice === 'running'
  if (!sourceHas && !destinationHas && !anyLost(world)) return 'G6: both copies are gone, and no holder died'
  if (world.source.state !== null && world.sourceDevice === 'lost' && world.source.pending.length === 0) {
    if (
      world.source.state === 'copying' ||
      world.source.state === 'waiting' ||
      world.source.state === 'committed'
    )
      return 'G6: the source does not know that its devices are lost'
  }
  return undefined
}

function anyLost(world: World): boolean {
  return world.sourceDevice === 'lost' || world.destinationDevice === 'lost'
}

/** G5 applies while both copies are held, and nobody needs an operator. */
export function mustSettle(world: World): boolean {
  return !anyLost(world) && !world.operator && !world.mayHaveRun
}

/** From here on nothing fails: every message arrives, whoever is down comes back. What is wrong with how it ends, or `undefined`. */
export function settle(world: World, reducers: Reducers): string | undefined {
  const seen = new Set<string>()
  let at: World | undefined = world
  let last = world
  while (at !== undefined) {
    last = at
    seen.add(JSON.stringify(at))
    const fair: Move[] = [...moves(at, reducers)].filter(
      ({ name, world }) => !unfair.test(name) && !seen.has(JSON.stringify(world)),
    )
    // Only when nothing else happens do the engines miss something.
    at = (fair.find(({ name }) => !/hears nothing/.test(name)) ?? fair[0])?.world
  }
  const { source, destination, sourceDevice, destinationDevice } = last
  const running = Number(sourceDevice === 'running') + Number(destinationDevice === 'running')
  if (running !== 1) return `G5: ${running} copies run`
  if (source.state !== 'done' && source.state !== 'aborted')
    return `G5: in the end the source is still ${source.state}, and the destination ${destination.state}`
  return undefined
}

const unfair = /dies|refuse|half-way|gives up|operator/
