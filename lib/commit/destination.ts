// SPDX-License-Identifier: MIT
import type { CommitMessage, CommitRecord, Holding, Step } from './step.js'
import { reset, run, send, stay, write } from './step.js'

/**
 * Where a destination stands in one migration.
 *
 * - `receiving`: data comes in; it may give up by itself.
 * - `loaded`: it keeps the copy, stopped, until it hears a commit or an abort, or an operator decides. No time-out ends this.
 * - `starting`: the commit is written; the devices are being led to running for the first time.
 * - `restarting`: the same after a crash: what an attempt before it did is not known, so a refusal now proves nothing.
 * - `running`: they run here, and the source is told until it confirms.
 * - `done`: the source has confirmed.
 * - `aborted`: the copy was thrown away and never ran.
 * - `uncertain`: committed, but the devices were lost or failed while starting, so they may have run. Only an operator can tell.
 */
export type DestinationState =
  | 'receiving'
  | 'loaded'
  | 'starting'
  | 'restarting'
  | 'running'
  | 'done'
  | 'aborted'
  | 'uncertain'

export type DestinationEvent =
  /** All data is in, proved intact, and the devices have accepted it. */
  | { readonly kind: 'loaded' }
  | { readonly kind: 'message'; readonly message: CommitMessage }
  | { readonly kind: 'give-up' }
  | { readonly kind: 'silence' }
  /** The devices run. */
  | { readonly kind: 'ran' }
  /** They do not; `mayHaveRun` unless each device says that it never left the state it was loaded into. */
  | { readonly kind: 'run-failed'; readonly mayHaveRun: boolean }
  /** An operator knows that the source's devices are gone. */
  | { readonly kind: 'operator-promote' }
  /** An operator gives the copy up. */
  | { readonly kind: 'operator-abort' }

/** An id that the journal knows is refused before this. */
export function beginDestination(): Step<DestinationState> {
  return stay<DestinationState>('receiving', write('begun'))
}

export function destinationStep(state: DestinationState, event: DestinationEvent): Step<DestinationState> {
  switch (event.kind) {
    case 'loaded':
      return state === 'receiving'
        ? stay<DestinationState>('loaded', write('loaded'), send('loaded'))
        : stay(state)
    case 'message':
      return onMessage(state, event.message)
    case 'give-up':
      return state === 'receiving' ? abort() : stay(state)
    case 'silence':
      return onSilence(state)
    case 'ran':
      return state === 'starting' || state === 'restarting'
        ? stay<DestinationState>('running', write('running'), send('running'))
        : stay(state)
    case 'run-failed':
      // Refused before anything ran: the copy is thrown away, and the source may have its devices back.
      if (state === 'starting') return event.mayHaveRun ? stay('uncertain') : abort()
      return stay(state === 'restarting' ? 'uncertain' : state)
    case 'operator-promote':
      return state === 'loaded'
        ? stay<DestinationState>('starting', write('promoted-by-operator'), run)
        : stay(state)
    case 'operator-abort':
      return state === 'loaded' ? abort() : stay(state)
  }
}

/** Where a destination stands that was away, by its journal and by what became of its devices. */
export function recoverDestination(
  records: readonly CommitRecord[],
  holding: Holding,
): Step<DestinationState> {
  const wrote = (record: CommitRecord) => records.includes(record)
  if (wrote('aborted')) return stay<DestinationState>('aborted', reset, send('aborted'))
  if (wrote('done')) return stay('done')
  if (wrote('running')) return stay<DestinationState>('running', send('running'))
  if (wrote('committed') || wrote('promoted-by-operator')) {
    // Running what runs already changes nothing. What is lost may have run before it was.
    return holding === 'held' ? stay<DestinationState>('restarting', run) : stay('uncertain')
  }
  if (wrote('loaded') && holding === 'held') return stay<DestinationState>('loaded', send('loaded'))
  // A load that was cut short, or a copy that is gone: neither ever ran.
  return abort()
}

function onMessage(state: DestinationState, message: CommitMessage): Step<DestinationState> {
  switch (message) {
    case 'commit':
      if (state === 'loaded') return stay<DestinationState>('starting', write('committed'), run)
      if (state === 'running' || state === 'done') return stay(state, send('running'))
      if (state === 'aborted') return stay(state, send('aborted'))
      return stay(state)
    case 'abort':
      if (state === 'receiving' || state === 'loaded') return abort()
      if (state === 'aborted') return stay(state, send('aborted'))
      return stay(state)
    case 'done':
      return state === 'running' ? stay<DestinationState>('done', write('done')) : stay(state)
    default:
      return stay(state)
  }
}

function onSilence(state: DestinationState): Step<DestinationState> {
  switch (state) {
    case 'receiving':
      return abort()
    case 'loaded':
      return stay(state, send('loaded'))
    case 'running':
      return stay(state, send('running'))
    case 'aborted':
      return stay(state, send('aborted'))
    default:
      return stay(state)
  }
}

// Written before the copy is thrown away: whoever hears of it may run the other one.
function abort(): Step<DestinationState> {
  return stay<DestinationState>('aborted', write('aborted'), reset, send('aborted'))
}
