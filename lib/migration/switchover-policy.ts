// SPDX-License-Identifier: MIT

/** What is known of a pre-copy when its policy is asked. Sizes in bytes, straight from the device: estimates, perhaps absurd. */
export interface PreCopySnapshot {
  /** As it was specified. */
  readonly device: string
  /** How often the device has been drained in this save. */
  readonly round: number
  /** Whether it is drained now: nothing to read. `false` only with {@link SaveOptions.switchoverInterval}. */
  readonly drained: boolean
  /** Bytes read so far in this save. */
  readonly bytes: number
  /** Bytes read since it was drained the last time. */
  readonly roundBytes: number
  /**
   * v2: `VFIO_MIG_GET_PRECOPY_INFO`; `undefined` on v1, and where the driver fails the request. Two parts of what pre-copy has left, which add up.
   */
  readonly initialBytes: bigint | undefined
  readonly dirtyBytes: bigint | undefined
  /** v1: `pending_bytes`, of which only zero and non-zero mean something. `undefined` while data flows, when asking would disturb it. */
  readonly pendingBytes: bigint | undefined
  /**
   * The device began its initial data anew since the last question (`VFIO_PRECOPY_INFO_REINIT`): what was acknowledged before is
   * void. Only ever true where the driver was told that this is understood.
   */
  readonly reinitialised: boolean
  /**
   * `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`: what stop-copy would yield now, the rest of pre-copy included. A firmware command on some
   * devices, so it is asked when this is called, once per snapshot.
   */
  readonly stopCopySize: () => Promise<bigint | undefined>
  /** Bytes per second while data flowed, over its last 500 ms or more; `undefined` before there was enough to measure. */
  readonly bandwidth: number | undefined
  /** Milliseconds in which data flowed. */
  readonly transferMs: number
  /** Rounds, and milliseconds, since what pre-copy has left was noticeably less than ever before. */
  readonly stalledRounds: number
  readonly stalledMs: number
  /** Whether the destination said that it has loaded the initial data; `undefined` where nobody says such a thing. */
  readonly initialLoaded: boolean | undefined
  /** Milliseconds since the save began. */
  readonly elapsedMs: number
}

/** `switch`: to stop-copy now. `continue`: ask the device again after a pause. `abort`: give the save up, the device goes on running. */
export type SwitchoverDecision = 'continue' | 'switch' | 'abort'

/** A decision, and why: an `abort` carries it in its error, a `switch` in the report. */
export type SwitchoverAnswer =
  | SwitchoverDecision
  | { readonly decision: SwitchoverDecision; readonly reason?: string | undefined }

/** Decides when a pre-copy has gone on for long enough. */
export type SwitchoverPolicy = (snapshot: PreCopySnapshot) => SwitchoverAnswer | Promise<SwitchoverAnswer>

/** An answer in its long form. */
export function spelledOut(answer: SwitchoverAnswer): Exclude<SwitchoverAnswer, SwitchoverDecision> {
  return typeof answer === 'string' ? { decision: answer } : answer
}
