// SPDX-License-Identifier: MIT
import { errnoMessage, errnoName } from './errno.js'
import { VfioError } from './vfio-error.js'

/** What a failed system call leaves behind. */
export interface SystemFailure {
  /** Negative, as Node writes it. */
  readonly errno: number
  readonly syscall: string
  /** The request in the kernel's words, for example `VFIO_DEVICE_FEATURE SET MIG_DEVICE_STATE`. */
  readonly operation: string
  /** What was expected and found, or an empty string. */
  readonly detail: string
}

/** A system call, or a backend standing in for one, failed. Looks like Node's own errors: negative `errno`, `code`, `syscall`. */
export class VfioSystemError extends VfioError {
  override readonly name: string = 'VfioSystemError'
  readonly errno: number
  readonly syscall: string
  readonly operation: string

  constructor(failure: SystemFailure, device?: string) {
    const code = errnoName(failure.errno)
    const detail = failure.detail === '' ? '' : ` (${failure.detail})`
    super(code, `${code}: ${errnoMessage(failure.errno)}, ${failure.syscall} ${failure.operation}${detail}`, {
      device,
    })
    this.errno = failure.errno
    this.syscall = failure.syscall
    this.operation = failure.operation
  }

  override toJSON(): Record<string, unknown> {
    return { ...super.toJSON(), errno: this.errno, syscall: this.syscall, operation: this.operation }
  }
}
