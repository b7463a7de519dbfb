// SPDX-License-Identifier: MIT
import { VfioError } from './vfio-error.js'

/** The caller's `AbortSignal` fired. Named and coded as Node's own; `cause` is the signal's reason. */
export class VfioAbortError extends VfioError {
  override readonly name = 'AbortError'

  constructor(reason: unknown, message = 'The operation was aborted') {
    super('ABORT_ERR', message, { cause: reason })
  }
}

/** Throws if `signal` has fired. */
export function throwIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new VfioAbortError(signal.reason)
}
