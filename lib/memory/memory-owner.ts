// SPDX-License-Identifier: MIT
import type { DirtyRun } from '../device/dirty-bitmap.js'
import type { RateLimit } from '../device/rate-limit.js'
import type { ManifestDevice } from '../stream/manifest.js'

/** What devices have written into a memory since the round before. */
export interface DirtyRound {
  /** Counted from 1. The first one names all of the memory. */
  readonly round: number
  /**
   * What to send, in rising order, whole pages within the owner's ranges, at most 16 MiB each. **Iterate once, and send the run as soon as it is
   * yielded**: what was yielded counts as sent. The iteration ends early when the devices stop meanwhile; what it left out comes again in the
   * final round, so that little is left to be sent while nothing runs. To be read within {@link MemoryOwner.send} only.
   */
  readonly runs: Iterable<DirtyRun>
  /** All that {@link runs} would yield, in bytes. */
  readonly dirtyBytes: number
  /** All devices have stopped, and they write nothing more: what this round leaves out is lost. */
  readonly final: boolean
  /** `false`: a tracking mechanism failed, what was written is not known, and every page counts as written. */
  readonly complete: boolean
  /** Why not, when it is not complete. */
  readonly cause: Error | undefined
}

/** What an owner did in a round. */
export interface MemorySent {
  /** Of memory, in bytes. */
  readonly bytes: number
  /** Of these, what took the connection's time (zero pages may not), in bytes: the bandwidth is measured by it. */
  readonly wireBytes: number
}

/** Where a memory is sent to. */
export interface MemoryOutput {
  /** To be written to, borrowed until {@link MemoryOwner.close} has settled; never to be closed by the owner. */
  readonly fd: number
  /** The devices that write the memory, for the manifest of a stream. */
  readonly devices: readonly ManifestDevice[]
  /** What the devices' data is held to as well, where somebody set a limit: the memory has a share in it. */
  readonly rateLimit?: RateLimit | undefined
  /** Fires when nothing of it is wanted any more: what waits for `fd` must end then. */
  readonly signal: AbortSignal
}

/**
 * Whoever owns the memory that devices write by DMA, at the source. The engine does the tracking and says what was written, and when; how the
 * memory is read and in which form it travels is the owner's affair, and that of the {@link MemoryReceiver} at the other end.
 *
 * In order, never two at a time: `begin`, `send` once per round, `finish` after the final round, `close` always. The memory and what is mapped of it must
 * stay as they are from `begin` to `close`. What others than the devices write (the owner's own program, a guest's processors) the engine
 * does not see: the owner adds it, and sees to it that nobody writes any more when it is asked for the final round.
 */
export interface MemoryOwner {
  /**
   * Which I/O addresses are sent: whole pages of 4096 bytes, sorted, not overlapping. An address stands for the same memory whichever device
   * of the set uses it. Read once, before `begin`.
   */
  readonly ranges: readonly DirtyRun[]
  /** The devices run, and what they write is tracked by now. */
  begin(output: MemoryOutput): Promise<void>
  /**
   * What others than the devices have written since they were last asked, in bytes, as far as it is known without sending it: the devices are not
   * stopped while that is much. Asked as each round begins. Default: nothing.
   */
  pendingBytes?(): number | Promise<number>
  /**
   * Sends what a round names, and what others have written. The engine reports round after round while the devices run, and a final one when they have stopped.
   * A rejection fails the migration.
   */
  send(round: DirtyRound): Promise<MemorySent>
  /** After the final round: lets the receiver know that it has everything. */
  finish(): Promise<void>
  /** After success and failure alike: lets go of `fd`. */
  close(): Promise<void>
}

/** The same memory at the destination, which must be there, as large, before the devices run. */
export interface MemoryReceiver {
  /**
   * Takes in everything. Resolves only when it is proven to be all of it: the devices run soon after. After a rejection the memory holds
   * anything, and the devices are reset.
   * @param fd where it is read from, borrowed until the promise settles
   * @param signal fires when nothing of it is wanted any more
   */
  receive(fd: number, signal: AbortSignal): Promise<void>
}
