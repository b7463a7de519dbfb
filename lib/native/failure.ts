// SPDX-License-Identifier: MIT
// How a call of the addon fails.

/** Mirrors `Reason` in native/core/base/result.h. */
export type NativeReason =
  | 'system'
  | 'cancelled'
  | 'closed'
  | 'malformed'
  | 'unsupported'
  | 'short-transfer'
  | 'chunk-too-large'
  | 'truncated'
  | 'corrupt'
  | 'version'
  | 'invalid-argument'
  | 'busy'
  | 'disconnected'
  | 'timed-out'

export interface NativeFailure {
  readonly failed: true
  readonly reason: NativeReason
  /** Negative, 0 when no system call failed. */
  readonly errno: number
  readonly syscall: string
  readonly operation: string
  readonly detail: string
}

export type Outcome<T> = T | NativeFailure
