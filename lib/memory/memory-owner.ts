// SPDX-License-Identifier: MIT
import type { DirtyRun } from '../device/dirty-bitmap.js'

/** What devices have written into a memory since it was last asked for. */
export interface DirtyRound {
  /** Counted from 1. */
  readonly round: number
  readonly runs: readonly DirtyRun[]
  /** In bytes. */
  readonly dirtyBytes: bigint
  /** The devices have stopped and nothing more will be written: what this round leaves out is lost. */
  readonly final: boolean
  /** `false`: the tracking failed, and every page counts as written. */
  readonly complete: boolean
}

/**
 * Whoever owns the memory that devices write by DMA, at the source. The engine says what was written and when; how it is read and in which
 * form it travels is the owner's affair, and that of the {@link MemoryReceiver} at the other end.
 */
export interface MemoryOwner {
  /** Begins to note what is written, and sends everything once. The devices run. @param fd where it is written to, borrowed */
  begin(fd: number, signal: AbortSignal): Promise<void>
  /** Sends what was written since. The engine repeats it while the devices run, and calls it once more with `final` when they have stopped. */
  send(final: boolean): Promise<DirtyRound>
  /** After the last round or a failure: stops the tracking. Never called before {@link send} has settled. */
  end(): Promise<void>
}

/** The same memory at the destination. */
export interface MemoryReceiver {
  /** Takes in everything, to the end that the owner at the source wrote. @param fd where it is read from, borrowed */
  receive(fd: number, signal: AbortSignal): Promise<void>
}
