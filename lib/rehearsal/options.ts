// SPDX-License-Identifier: MIT
import type { ProgressOptions } from '../migration/progress.js'
import type { SaveOptions } from '../migration/save-session.js'

export interface RehearsalOptions
  extends Pick<
      SaveOptions,
      | 'switchover'
      | 'switchoverInterval'
      | 'preCopyTimeout'
      | 'bandwidthLimit'
      | 'bufferSize'
      | 'dataPath'
      | 'maxChunk'
      | 'recovery'
      | 'signal'
    >,
    ProgressOptions {
  /**
   * Goes through pre-copy, the data thrown away. The device runs on, more slowly perhaps. Default: where it is offered, except with drivers that are
   * known to fail on the way back ({@link rehearsalWarnings}).
   */
  readonly preCopy?: boolean
  /** Also quiets the device (P2P), which is a full suspend with some drivers, and has it run again. Default false. */
  readonly quiesce?: boolean
  /** Also stops the device, reads all of it, and has it run again. Default false: its stop is estimated. */
  readonly stop?: boolean
  /**
   * Bytes per second to the destination, which is on another host. Default: the destination is on this host and takes data as fast as
   * it is read, each chunk before the next is read.
   */
  readonly bandwidth?: number
  /** Bytes per second that the destination loads. Default: as fast as the device is read. */
  readonly loadRate?: number
}

/** What was seen; `undefined` where that step was not made, or said nothing. Times in milliseconds. */
export interface Observed {
  readonly device: string
  readonly driver: string | undefined
  readonly protocol: 'v1' | 'v2'
  readonly p2p: boolean
  readonly steps: readonly ('pre-copy' | 'quiesce' | 'stop')[]
  readonly warnings: readonly string[]
  readonly preCopy:
    | {
        readonly decision: 'switch' | 'abort'
        readonly reason: string | undefined
        readonly rounds: number
        readonly bytes: number
        /** From asking for pre-copy to the decision. */
        readonly ms: number
        readonly enterMs: number
        /** What was left at the decision. */
        readonly left: number | undefined
        /** Read before it, and taken by the destination after it. */
        readonly onItsWay: number
        readonly leaveMs: number | undefined
      }
    | undefined
  /** What the running device said that stop-copy would yield, without a pre-copy. */
  readonly estimate: number | undefined
  readonly dirtyRate: number | undefined
  /** Bytes per second. */
  readonly readRate: number | undefined
  readonly quiesceMs: number | undefined
  readonly stopped:
    | { readonly stopMs: number; readonly drainMs: number; readonly bytes: number; readonly resumeMs: number }
    | undefined
}
