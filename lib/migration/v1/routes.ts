// SPDX-License-Identifier: MIT
// The uAPI names a few flows and leaves the other arcs to the driver. What drivers accept beyond them differs (libvfio-user refuses
// 011 -> 001 and 000 -> 010; i915 refuses 010 -> 001 and then sits in its error state), so a route is made of arcs that all accept.
import type { MigrationState } from '../state.js'
import { isV1State, type V1State } from './state.js'

type Route = readonly V1State[]

/** Routes by origin and target, ends included. A missing pair has none. */
const routes: Readonly<Record<V1State, Readonly<Partial<Record<V1State, Route>>>>> = {
  running: {
    stop: ['running', 'stop'],
    'stop-copy': ['running', 'stop-copy'],
    'pre-copy': ['running', 'pre-copy'],
    resuming: ['running', 'resuming'],
  },
  'pre-copy': {
    'stop-copy': ['pre-copy', 'stop-copy'],
    stop: ['pre-copy', 'stop-copy', 'stop'],
    running: ['pre-copy', 'stop-copy', 'stop', 'running'],
    resuming: ['pre-copy', 'stop-copy', 'stop', 'running', 'resuming'],
  },
  'stop-copy': {
    stop: ['stop-copy', 'stop'],
    running: ['stop-copy', 'stop', 'running'],
    'pre-copy': ['stop-copy', 'stop', 'running', 'pre-copy'],
    resuming: ['stop-copy', 'stop', 'running', 'resuming'],
  },
  stop: {
    running: ['stop', 'running'],
    'pre-copy': ['stop', 'running', 'pre-copy'],
    resuming: ['stop', 'running', 'resuming'],
    // No stop-copy: the one arc there (000 -> 010) is not accepted by all, and the way around would let a stopped device run,
    // which changes what is to be saved.
  },
  resuming: {
    running: ['resuming', 'running'],
    'pre-copy': ['resuming', 'running', 'pre-copy'],
    // Neither stop nor stop-copy: the way there would let the loaded device run first.
  },
}

/** The route from `from` to `to` that every known v1 driver accepts, both ends included; `undefined` where there is none. */
export function portableRoute(
  from: MigrationState,
  to: MigrationState,
): readonly MigrationState[] | undefined {
  if (!isV1State(from) || !isV1State(to)) return undefined
  return from === to ? [from] : routes[from][to]
}

/** The single arc between two of the five states; whether the driver takes it is its own affair. */
export function directRoute(from: MigrationState, to: MigrationState): readonly MigrationState[] | undefined {
  if (!isV1State(from) || !isV1State(to)) return undefined
  return from === to ? [from] : [from, to]
}
