// SPDX-License-Identifier: MIT
// Two engines, their journals, their devices and a network that loses, delays, repeats and reorders: everything that can happen to one
// migration id, one small step at a time.
import {
  beginDestination,
  type DestinationEvent,
  type DestinationState,
  destinationStep,
  recoverDestination,
} from '../../../lib/commit/destination.js'
import {
  beginSource,
  recoverSource,
  type SourceEvent,
  type SourceState,
  sourceStep,
} from '../../../lib/commit/source.js'
import type { CommitEffect, CommitMessage, CommitRecord, Holding, Step } from '../../../lib/commit/step.js'

/** The reducers under exploration: the product's, or broken ones that the exploration must catch. */
export interface Reducers {
  readonly sourceStep: (state: SourceState, event: SourceEvent) => Step<SourceState>
  readonly recoverSource: (records: readonly CommitRecord[], holding: Holding) => Step<SourceState>
  readonly destinationStep: (state: DestinationState, event: DestinationEvent) => Step<DestinationState>
  readonly recoverDestination: (records: readonly CommitRecord[], holding: Holding) => Step<DestinationState>
}

export const product: Reducers = { sourceStep, recoverSource, destinationStep, recoverDestination }

export interface Side<State> {
  /** `null` while the engine is down: the volatile state is gone, with the effects it had not done yet. */
  readonly state: State | null
  readonly pending: readonly CommitEffect[]
  readonly journal: readonly CommitRecord[]
  readonly crashes: number
}

export interface World {
  readonly source: Side<SourceState>
  readonly destination: Side<DestinationState>
  readonly sourceDevice: 'running' | 'stopped' | 'released' | 'lost'
  readonly destinationDevice: 'empty' | 'loaded' | 'running' | 'reset' | 'lost'
  /** Everything ever sent: what is here may arrive at any time, any number of times, or never. */
  readonly sent: readonly CommitMessage[]
  readonly dataSent: boolean
  readonly sourceRanAgain: boolean
  /** It ran when it told of its abort, or had never stopped. */
  readonly sourceRuns: boolean
  readonly destinationRan: boolean
  /** Something happened after which only an operator can tell, or an operator spoke. */
  readonly operator: boolean
  readonly mayHaveRun: boolean
  /** Why a loaded copy was given up; `undefined` for no reason that the protocol knows. */
  readonly gaveUp: 'told' | 'operator' | 'lost' | 'refused' | undefined
}

const MOST_CRASHES = 2
const toDestination: readonly CommitMessage[] = ['commit', 'abort', 'done']

export function beginning(): World {
  const source = beginSource()
  const destination = beginDestination()
  return {
    source: { state: source.state, pending: source.effects, journal: [], crashes: 0 },
    destination: { state: destination.state, pending: destination.effects, journal: [], crashes: 0 },
    sourceDevice: 'running',
    destinationDevice: 'empty',
    sent: [],
    dataSent: false,
    sourceRanAgain: false,
    sourceRuns: false,
    destinationRan: false,
    operator: false,
    mayHaveRun: false,
    gaveUp: undefined,
  }
}

/** One possible next step, named for a person who reads a counterexample. */
export interface Move {
  readonly name: string
  readonly world: World
}

export function* moves(world: World, reducers: Reducers): Generator<Move> {
  yield* sourceMoves(world, reducers)
  yield* destinationMoves(world, reducers)
}

function* sourceMoves(world: World, reducers: Reducers): Generator<Move> {
  const { source } = world
  const { state } = source
  if (state === null) {
    yield { name: 'source restarts', world: restartSource(world, reducers) }
    return
  }
  if (source.crashes < MOST_CRASHES) {
    const down = { ...source, state: null, pending: [], crashes: source.crashes + 1 }
    yield { name: 'source engine dies, its devices are held', world: { ...world, source: down } }
    const sourceDevice = world.sourceDevice === 'released' ? 'released' : ('lost' as const)
    yield { name: 'source dies with its devices', world: { ...world, source: down, sourceDevice } }
  }
  if (source.pending.length > 0) {
    yield { name: `source does ${describe(source.pending[0])}`, world: sourceEffect(world) }
    if (source.pending[0]?.kind === 'run' && world.sourceDevice === 'stopped') {
      const step = reducers.sourceStep(state, { kind: 'run-failed' })
      const failed = { ...world, source: { ...source, state: step.state, pending: step.effects } }
      yield { name: 'source devices refuse to run again', world: { ...failed, operator: true } }
      yield { name: 'source devices are lost on the way back', world: { ...failed, sourceDevice: 'lost' } }
    }
    return
  }
  const on = (event: SourceEvent, change: Partial<World> = {}): World => {
    const step = reducers.sourceStep(state, event)
    return { ...world, ...change, source: { ...source, state: step.state, pending: step.effects } }
  }
  if (state === 'copying' && world.sourceDevice === 'running')
    yield { name: 'source devices stop', world: { ...world, sourceDevice: 'stopped' } }
  if (state === 'copying' && world.sourceDevice === 'stopped')
    yield { name: 'source has sent everything', world: on({ kind: 'stopped' }, { dataSent: true }) }
  for (const message of world.sent) {
    if (!toDestination.includes(message))
      yield { name: `source hears ${message}`, world: on({ kind: 'message', message }) }
  }
  yield { name: 'source gives up', world: on({ kind: 'give-up' }) }
  yield { name: 'source hears nothing', world: on({ kind: 'silence' }) }
  if (state === 'committed' && (world.destinationDevice === 'lost' || world.destinationDevice === 'reset')) {
    // The word is true: the destination's copy is gone. Whether it ran before is what the operator has to know.
    if (!world.destinationRan)
      yield {
        name: 'operator: resume the source',
        world: on({ kind: 'operator-resume' }, { operator: true }),
      }
  }
}

function* destinationMoves(world: World, reducers: Reducers): Generator<Move> {
  const { destination } = world
  const { state } = destination
  if (state === null) {
    yield { name: 'destination restarts', world: restartDestination(world, reducers) }
    return
  }
  if (destination.crashes < MOST_CRASHES) {
    const down = { ...destination, state: null, pending: [], crashes: destination.crashes + 1 }
    yield { name: 'destination engine dies, its devices are held', world: { ...world, destination: down } }
    const destinationDevice =
      world.destinationDevice === 'reset' || world.destinationDevice === 'empty'
        ? world.destinationDevice
        : ('lost' as const)
    yield {
      name: 'destination dies with its devices',
      world: { ...world, destination: down, destinationDevice },
    }
  }
  if (destination.pending.length > 0) {
    yield* destinationEffects(world, reducers)
    return
  }
  const on = (event: DestinationEvent, change: Partial<World> = {}): World => {
    const step = reducers.destinationStep(state, event)
    return {
      ...world,
      ...change,
      destination: { ...destination, state: step.state, pending: step.effects },
    }
  }
  if (state === 'receiving' && world.dataSent && world.destinationDevice === 'empty')
    yield { name: 'destination devices take the data', world: { ...world, destinationDevice: 'loaded' } }
  if (state === 'receiving' && world.destinationDevice === 'loaded')
    yield { name: 'destination is loaded', world: on({ kind: 'loaded' }) }
  for (const message of world.sent) {
    if (!toDestination.includes(message)) continue
    const told = message === 'abort' && state === 'loaded' ? { gaveUp: 'told' as const } : {}
    yield { name: `destination hears ${message}`, world: on({ kind: 'message', message }, told) }
  }
  yield { name: 'destination gives up', world: on({ kind: 'give-up' }) }
  yield { name: 'destination hears nothing', world: on({ kind: 'silence' }) }
  if (state === 'loaded') {
    yield {
      name: 'operator: give the copy up',
      world: on({ kind: 'operator-abort' }, { operator: true, gaveUp: 'operator' }),
    }
    if (world.sourceDevice === 'lost' && !world.sourceRanAgain)
      yield { name: 'operator: promote', world: on({ kind: 'operator-promote' }, { operator: true }) }
  }
}

function restartSource(world: World, { recoverSource }: Reducers): World {
  const { source } = world
  const step = recoverSource(source.journal, world.sourceDevice === 'lost' ? 'lost' : 'held')
  return { ...world, source: { ...source, state: step.state, pending: step.effects } }
}

function restartDestination(world: World, { recoverDestination }: Reducers): World {
  const { destination } = world
  const lost = world.destinationDevice === 'lost'
  const step = recoverDestination(destination.journal, lost ? 'lost' : 'held')
  const gaveUp = lost && step.state === 'aborted' ? ('lost' as const) : world.gaveUp
  return { ...world, gaveUp, destination: { ...destination, state: step.state, pending: step.effects } }
}

function sourceEffect(world: World): World {
  const [effect, ...pending] = world.source.pending
  const source = { ...world.source, pending }
  switch (effect?.kind) {
    case 'write':
      return { ...world, source: { ...source, journal: [...source.journal, effect.record] } }
    case 'send':
      return { ...world, source, sent: including(world.sent, effect.message) }
    case 'run': {
      if (world.sourceDevice === 'running') return { ...world, source, sourceRuns: true }
      if (world.sourceDevice !== 'stopped') return { ...world, source }
      return { ...world, source, sourceDevice: 'running', sourceRanAgain: true, sourceRuns: true }
    }
    case 'release':
      return { ...world, source, sourceDevice: world.sourceDevice === 'lost' ? 'lost' : 'released' }
    default:
      return { ...world, source }
  }
}

function* destinationEffects(world: World, { destinationStep }: Reducers): Generator<Move> {
  const [effect, ...pending] = world.destination.pending
  const destination = { ...world.destination, pending }
  const { state } = destination
  if (effect === undefined || state === null) return
  const name = `destination does ${describe(effect)}`
  const answered = (event: DestinationEvent, change: Partial<World>): World => {
    const step = destinationStep(state, event)
    return { ...world, ...change, destination: { ...destination, state: step.state, pending: step.effects } }
  }
  switch (effect.kind) {
    case 'write':
      yield {
        name,
        world: {
          ...world,
          destination: { ...destination, journal: [...destination.journal, effect.record] },
        },
      }
      break
    case 'send':
      yield { name, world: { ...world, destination, sent: including(world.sent, effect.message) } }
      break
    case 'reset': {
      const destinationDevice = world.destinationDevice === 'lost' ? 'lost' : 'reset'
      yield { name, world: { ...world, destination, destinationDevice } }
      break
    }
    case 'run':
      // A crash between the command and the knowledge of its answer.
      if (destination.crashes < MOST_CRASHES) {
        yield {
          name: `${name}, and dies before it knows`,
          world: {
            ...world,
            destinationDevice: 'running',
            destinationRan: true,
            destination: { ...destination, state: null, pending: [], crashes: destination.crashes + 1 },
          },
        }
      }
      yield { name, world: answered({ kind: 'ran' }, { destinationDevice: 'running', destinationRan: true }) }
      if (world.destinationDevice !== 'running') {
        yield {
          name: `${name}, which the devices refuse`,
          world: answered(
            { kind: 'run-failed', mayHaveRun: false },
            // After a crash nobody knows what came of an attempt before it.
            { gaveUp: 'refused', mayHaveRun: world.mayHaveRun || state === 'restarting' },
          ),
        }
        yield {
          name: `${name}, which fails half-way`,
          world: answered(
            { kind: 'run-failed', mayHaveRun: true },
            { destinationRan: true, mayHaveRun: true },
          ),
        }
      }
      break
    default:
      yield { name, world: { ...world, destination } }
  }
}

function including(sent: readonly CommitMessage[], message: CommitMessage): readonly CommitMessage[] {
  return sent.includes(message) ? sent : [...sent, message].sort()
}

function describe(effect: CommitEffect | undefined): string {
  if (effect === undefined) return 'nothing'
  if (effect.kind === 'write') return `write ${effect.record}`
  return effect.kind === 'send' ? `send ${effect.message}` : effect.kind
}
