// SPDX-License-Identifier: MIT
// What the two sides of a migration between hosts say, keep and do. Pure data: the engine carries it out, the exploration of the protocol
// (test/unit/commit) runs the very same reducers. docs/commit-protocol.md tells the whole story.

/**
 * One message between the engines, about one migration id. Any of them may be lost, delayed, repeated and overtaken.
 *
 * | from | message | says |
 * |---|---|---|
 * | destination | `loaded` | all data is in the stopped devices, and this is durable |
 * | source | `commit` | durable: from now on only the destination runs |
 * | source | `abort` | durable: this migration never commits |
 * | destination | `aborted` | durable: the copy is gone and was never run |
 * | destination | `running` | durable: the devices run here |
 * | source | `done` | durable: the source has let go |
 */
export type CommitMessage = 'loaded' | 'commit' | 'abort' | 'aborted' | 'running' | 'done'

/** A line of an engine's journal, durable before anything that follows it is done. */
export type CommitRecord =
  | 'begun'
  | 'loaded'
  | 'committed'
  | 'aborted'
  /** The devices run on this side. */
  | 'running'
  | 'done'
  /** An operator's word at the source: run again although the destination's answer never came. */
  | 'resumed-by-operator'
  /** An operator's word at the destination: run although the source's commit never came. */
  | 'promoted-by-operator'

/** What an engine does, in order. A later effect begins only when the earlier one is done; a crash may come between any two. */
export type CommitEffect =
  | { readonly kind: 'write'; readonly record: CommitRecord }
  | { readonly kind: 'send'; readonly message: CommitMessage }
  /** Leads the devices to running; at the destination the answer is `ran` or `run-failed`. */
  | { readonly kind: 'run' }
  /** Throws the destination's copy away. */
  | { readonly kind: 'reset' }
  /** Closes the source's devices: the other side runs. */
  | { readonly kind: 'release' }

/** What became of the descriptors while the engine was away. */
export type Holding = 'held' | 'lost'

export interface Step<State> {
  readonly state: State
  readonly effects: readonly CommitEffect[]
}

export function stay<State>(state: State, ...effects: CommitEffect[]): Step<State> {
  return { state, effects }
}

export const write = (record: CommitRecord): CommitEffect => ({ kind: 'write', record })
export const send = (message: CommitMessage): CommitEffect => ({ kind: 'send', message })
export const run: CommitEffect = { kind: 'run' }
export const reset: CommitEffect = { kind: 'reset' }
export const release: CommitEffect = { kind: 'release' }
