// SPDX-License-Identifier: MIT
import { believed } from '../migration/estimate.js'
import type { PreCopySnapshot } from '../migration/switchover-policy.js'

/** Two measurements that are closer together say nothing. In milliseconds. */
const LEAST_APART = 40

interface Sample {
  readonly at: number
  /** Moved, and left to be moved. */
  readonly bytes: number
}

/** Learns how fast a device dirties its state: what was moved and what is left grow together by what is dirtied. */
export class DirtyRate {
  // Before the first drained point dirt hides in what was not sent yet, so that the rate is a lower bound there.
  #early: Sample[] = []
  #drained: Sample[] = []

  note(snapshot: PreCopySnapshot): void {
    const dirty = believed(snapshot.dirtyBytes, snapshot.bytes)
    const initial = believed(snapshot.initialBytes, snapshot.bytes)
    // A drained device that does not say what is left has nothing left for now.
    if (dirty === undefined && !snapshot.drained) return
    const sample = { at: snapshot.elapsedMs, bytes: snapshot.bytes + (initial ?? 0) + (dirty ?? 0) }
    if (snapshot.round > 0) this.#drained.push(sample)
    else this.#early.push(sample)
  }

  /** Bytes per second; `undefined` before there was enough to learn from. */
  get rate(): number | undefined {
    return slope(this.#drained) ?? slope([...this.#early, ...this.#drained])
  }
}

function slope(samples: readonly Sample[]): number | undefined {
  const first = samples[0]
  const last = samples.at(-1)
  if (first === undefined || last === undefined || last.at - first.at < LEAST_APART) return undefined
  return Math.max(0, ((last.bytes - first.bytes) / (last.at - first.at)) * 1000)
}
