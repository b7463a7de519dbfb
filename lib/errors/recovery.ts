// SPDX-License-Identifier: MIT

/**
 * What to do with a device after a failure. `none`: leave it where it is. `previous`: back to the state it was in. `stop`: to stop, where
 * it neither runs nor loses what it holds. `reset`: as `previous`, and `VFIO_DEVICE_RESET` where that fails, which loses its state.
 */
export type RecoveryPolicy = 'none' | 'previous' | 'stop' | 'reset'

/** What was tried after a failure, and how it went. */
export interface Recovery {
  /** The policy in force (`none` tries nothing). */
  readonly policy: RecoveryPolicy
  /** The states the recovery went through, in order; `reset` where the device was reset. */
  readonly steps: readonly string[]
  /** Whether the device ended where the policy wanted it. */
  readonly ok: boolean
  /** The state the device reported at the end; `unknown` when it could not be asked. */
  readonly state: string
  /** Why it did not. */
  readonly message?: string
}
