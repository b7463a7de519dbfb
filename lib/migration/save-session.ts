// SPDX-License-Identifier: MIT
import type { Readable } from 'node:stream'
import type { RateLimit } from '../device/rate-limit.js'
import type { Recovery, RecoveryPolicy } from '../errors/index.js'
import type { FrameWriter } from '../stream/frame-writer.js'
import type { Chunk, Moved } from './chunk.js'
import type { LoadSession } from './load-session.js'
import type { SwitchoverPolicy } from './switchover-policy.js'

export type { PreCopySnapshot, SwitchoverAnswer, SwitchoverPolicy } from './switchover-policy.js'

export interface SaveOptions {
  /** Begin in `pre-copy`, while the device runs, if it offers it. Default false: straight to `stop-copy`. */
  readonly preCopy?: boolean
  /**
   * Asked each time the pre-copy is drained. Default: switch at the first time. Its `abort` fails the save with
   * `ERR_VFIO_NO_CONVERGENCE`, rolled back.
   */
  readonly switchover?: SwitchoverPolicy
  /**
   * Milliseconds after which the policy is asked again while data flows, with what the device estimates (v1 estimates nothing then). A device
   * that dirties its state faster than it is read is never drained, and is never asked about otherwise. Default: never.
   */
  readonly switchoverInterval?: number
  /**
   * Milliseconds after which a pre-copy switches without asking: a device that dirties its state faster than it is read is never
   * drained. Default 120 000; `Infinity` for no limit.
   */
  readonly preCopyTimeout?: number
  /**
   * Bytes per second that {@link SaveSession.pipeTo}, `pipeToFrames` and `pipeInto` move in pre-copy, 1 and up. Once the device is to stop they
   * are not held back any more: that would be downtime. Default: no limit.
   */
  readonly bandwidthLimit?: number
  /** A limit that several saves may share, for all of their data. Instead of {@link bandwidthLimit}. */
  readonly rateLimit?: RateLimit
  /** v1: save a device in `stop` by the arc 000 -> 010, which not every driver takes. Without it such a save has no route. */
  readonly direct?: boolean
  /** v2: bytes of each read buffer, 64 KiB to 8 MiB; an iteration has three of them. Default 1 MiB. */
  readonly bufferSize?: number
  /** v1: how the data section is reached. `auto` maps where the device allows it and falls back on region reads. */
  readonly dataPath?: 'auto' | 'mapped' | 'trapped'
  /** v1: the largest chunk that is believed, in bytes. Default 256 MiB. */
  readonly maxChunk?: number
  /** What becomes of the device when the save fails, is aborted, or is closed before it is complete. Default `previous`. */
  readonly recovery?: RecoveryPolicy
  /**
   * Awaited once in every save before stop-copy is asked for: the place to wait for the other devices of a set, which must all be quiet
   * before any stops. A device with P2P states is in `pre-copy-p2p` or `running-p2p` then, starting no DMA; one without them still
   * runs; one that was stopped before stays so. A rejection fails the save as an error of the device would; the end of the save ends the wait.
   */
  readonly beforeStop?: () => Promise<void>
  /** Told once when the device is in stop-copy, and writes no memory any more; its data is still to be read. Must not throw. */
  readonly afterStop?: () => void
  /**
   * Awaited at most once in a rollback that leads to `running`, before the device runs: it waits in `running-p2p`, without P2P states in
   * `stop`, and where it is when it never left running. Not called when it could not be led there. It should never reject; a device for
   * which it does stays where it waits, and the recovery says so.
   */
  readonly beforeRun?: () => Promise<void>
  /** Ends the save; {@link recovery} says where the device goes. */
  readonly signal?: AbortSignal
}

/**
 * A save in progress. It is read once, by one of: iteration, {@link readable}, {@link pipeTo}, {@link pipeToFrames}, {@link pipeInto}.
 * When the data has ended, {@link complete} leaves the device in `stop`. Closed before that, aborted or failed, the save is rolled
 * back: the device returns to the state it was in before (v1: stop-copy -> stop -> running, since no readable driver takes a shorter
 * way), or where the `recovery` option says; the error that ended it carries what was done as `recovery`.
 */
export interface SaveSession extends AsyncIterable<Chunk>, AsyncDisposable {
  readonly protocol: 'v1' | 'v2'
  /** Totals so far; may be read while a pump runs. */
  readonly moved: Moved
  /** `pre-copy`, `stop-copy`, then `ended` once all data was read. */
  readonly phase: 'pre-copy' | 'stop-copy' | 'ended'
  /**
   * Milliseconds on the `performance.now()` clock at which the device was asked for a P2P state, where {@link SaveOptions.beforeStop} made
   * that a step of its own. From here on it starts no DMA, so the downtime begins here.
   */
  readonly quiescedAt: number | undefined
  /**
   * Milliseconds on the same clock at which the device was asked for stop-copy, or `undefined` before. Without {@link quiescedAt} the
   * downtime begins here.
   */
  readonly stoppedAt: number | undefined
  /** Milliseconds on the same clock at which it had got there: the device was in `stop-copy`. */
  readonly switchedAt: number | undefined
  /** What was moved up to the switchover; `undefined` before it, and zeros for a save without pre-copy. */
  readonly preCopied: Moved | undefined
  /** How often the device was drained in pre-copy. */
  readonly rounds: number
  /** Why the switchover came, where the policy said so. */
  readonly switchReason: string | undefined
  /** What was done to the device when the session ended without {@link complete}; `undefined` before, and after a completed one. */
  readonly recovery: Recovery | undefined
  /** The next chunks as a Node stream of owned buffers: what a socket may keep. Ends with the data; destroying it closes the session. */
  readable(): Readable
  /** Writes the raw bytes to `fd`, natively. The descriptor is borrowed: not closed, and not to be closed meanwhile. v1 chunk borders are lost. */
  pipeTo(fd: number): Promise<Moved>
  /** Writes one data frame per chunk, natively. */
  pipeToFrames(writer: FrameWriter, section: number): Promise<Moved>
  /**
   * Into a device of this process, natively and without a detour through a stream. A failure of either side ends both sessions, and
   * each undoes its own device: see the `recovery` of each.
   */
  pipeInto(load: LoadSession): Promise<Moved>
  /**
   * Leave pre-copy now, without waiting for the policy. May be called while a pump runs; v1 then waits for the border of a chunk. While
   * a chunk of v1 is lent to the iteration it resolves at once and takes effect when the next one is asked for.
   * @throws {VfioTransitionError} the device did not go; the session is over
   */
  switchover(): Promise<void>
  /**
   * After the end of the data: ends the session, device in `stop`. A failure here is never rolled back: by now the state may run elsewhere.
   * @throws {VfioError} `ERR_VFIO_BUSY` when data is left
   */
  complete(): Promise<void>
  /** Ends the session wherever it is; rolls back unless completed. Idempotent. */
  close(): Promise<void>
}
