// SPDX-License-Identifier: MIT
import type { CommitMessage, CommitRecord, Holding, Step } from './step.js'
import { release, run, send, stay, write } from './step.js'

/**
 * Where a source stands in one migration.
 *
 * - `copying`: its devices run or are being saved; it may give up by itself.
 * - `waiting`: its devices are stopped and everything is sent; it may still give up by itself.
 * - `committed`: the word is written. It keeps devices, descriptors and state, stopped, whatever time passes: the outcome is unknown to it.
 * - `done`: the destination runs.
 * - `aborted`: it runs again (as far as its driver's abort route led; the engine reports the actual state).
 * - `lost`: nobody held its devices while it was away; what they held is at the destination or gone.
 * - `lost-committed`: the same, after the commit: the destination still needs to hear it.
 * - `resumed`: it runs again on an operator's word.
 * - `stranded`: it was to run again, and its devices did not go. It says nothing: what the destination has may be the last copy.
 */
export type SourceState =
  | 'copying'
  | 'waiting'
  | 'committed'
  | 'done'
  | 'aborted'
  | 'lost'
  | 'lost-committed'
  | 'resumed'
  | 'stranded'

export type SourceEvent =
  /** The devices are stopped, and all their data is sent. */
  | { readonly kind: 'stopped' }
  | { readonly kind: 'message'; readonly message: CommitMessage }
  /** An error, an abort signal, a device that is wanted back. */
  | { readonly kind: 'give-up' }
  /** Nothing was heard for as long as the engine waits. */
  | { readonly kind: 'silence' }
  /** The devices were to run again, and do not. What was to be done after that is not. */
  | { readonly kind: 'run-failed' }
  /** An operator knows that the destination's copy is gone. */
  | { readonly kind: 'operator-resume' }

/** The first step of a migration: its id is in the journal before anybody hears of it, so that no id is used twice. */
export function beginSource(): Step<SourceState> {
  return stay<SourceState>('copying', write('begun'))
}

export function sourceStep(state: SourceState, event: SourceEvent): Step<SourceState> {
  switch (event.kind) {
    case 'stopped':
      return stay(state === 'copying' ? 'waiting' : state)
    case 'message':
      return onMessage(state, event.message)
    case 'give-up':
      return mayGiveUp(state) ? abort() : stay(state)
    case 'silence':
      return onSilence(state)
    case 'run-failed':
      return stay(state === 'aborted' || state === 'resumed' ? 'stranded' : state)
    case 'operator-resume':
      return state === 'committed'
        ? stay<SourceState>('resumed', write('resumed-by-operator'), run)
        : stay(state)
  }
}

/** Where a source stands that was away, by its journal and by what became of its devices. */
export function recoverSource(records: readonly CommitRecord[], holding: Holding): Step<SourceState> {
  const wrote = (record: CommitRecord) => records.includes(record)
  if (wrote('done')) return stay('done')
  if (wrote('resumed-by-operator')) return holding === 'held' ? stay('resumed', run) : stay('lost')
  if (wrote('aborted')) {
    if (holding === 'held') return stay<SourceState>('aborted', ...runAgain)
    // It ran on before it was lost: the destination's copy is out of date. Else that is the last one.
    return wrote('running') ? stay<SourceState>('aborted', send('abort')) : stay('lost')
  }
  if (wrote('committed')) {
    return stay<SourceState>(holding === 'held' ? 'committed' : 'lost-committed', send('commit'))
  }
  // Never the abort of a copy that may be the last one: what the destination has is then an operator's to decide.
  if (holding === 'lost') return stay('lost')
  return abort()
}

const runAgain = [run, write('running'), send('abort')]

function onMessage(state: SourceState, message: CommitMessage): Step<SourceState> {
  switch (message) {
    case 'loaded':
      if (state === 'waiting') return stay<SourceState>('committed', write('committed'), send('commit'))
      if (state === 'committed' || state === 'lost-committed') return stay(state, send('commit'))
      if (state === 'aborted') return stay(state, send('abort'))
      return stay(state)
    case 'aborted':
      if (mayGiveUp(state)) return abort()
      if (state === 'committed') return abort()
      if (state === 'lost-committed') return stay<SourceState>('lost', write('aborted'))
      return stay(state)
    case 'running':
      if (state === 'committed') return stay<SourceState>('done', write('done'), release, send('done'))
      if (state === 'lost-committed') return stay<SourceState>('done', write('done'), send('done'))
      if (state === 'done') return stay(state, send('done'))
      return stay(state)
    default:
      return stay(state)
  }
}

function onSilence(state: SourceState): Step<SourceState> {
  if (mayGiveUp(state)) return abort()
  if (state === 'committed' || state === 'lost-committed') return stay(state, send('commit'))
  if (state === 'aborted') return stay(state, send('abort'))
  return stay(state)
}

function mayGiveUp(state: SourceState): boolean {
  return state === 'copying' || state === 'waiting'
}

// Written before the devices run: once they do, no commit of this id may ever follow. Told only when they run: until then the
// destination's copy may be the last one.
function abort(): Step<SourceState> {
  return stay<SourceState>('aborted', write('aborted'), ...runAgain)
}
