// SPDX-License-Identifier: MIT
import type { ErrorCode } from './codes.js'
import type { Recovery } from './recovery.js'

/** A failure that this library reports. `code` is stable and may be matched; `message` is for people and may change. */
export class VfioError extends Error {
  override readonly name: string = 'VfioError'
  /** An {@link ErrorCode}, or the errno's name where a system call failed. */
  readonly code: string
  /** The device concerned, as it was specified; `undefined` where none is. */
  readonly device: string | undefined
  /** What was done to the device after the failure; set by whoever did it (save, load), else `undefined`. */
  recovery: Recovery | undefined

  constructor(
    code: ErrorCode | (string & {}),
    message: string,
    details: { device?: string | undefined; cause?: unknown } = {},
  ) {
    super(message, 'cause' in details ? { cause: details.cause } : undefined)
    this.code = code
    this.device = details.device
  }

  /** What the commands print for `--json`: plain data, no stack. */
  toJSON(): Record<string, unknown> {
    return {
      code: this.code,
      message: this.message,
      ...(this.device === undefined ? {} : { device: this.device }),
      ...(this.recovery === undefined ? {} : { recovery: this.recovery }),
    }
  }
}
