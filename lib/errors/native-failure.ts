// SPDX-License-Identifier: MIT
import type { NativeFailure, NativeReason, Outcome } from '../native-binding.js'
import { VfioAbortError } from './abort-error.js'
import type { ErrorCode } from './codes.js'
import { VfioSystemError } from './system-error.js'
import { VfioError } from './vfio-error.js'

const codes: Readonly<Record<Exclude<NativeReason, 'system' | 'cancelled'>, ErrorCode>> = {
  closed: 'ERR_VFIO_CLOSED',
  malformed: 'ERR_VFIO_MALFORMED',
  unsupported: 'ERR_VFIO_UNSUPPORTED',
  'short-transfer': 'ERR_VFIO_SHORT_TRANSFER',
  'chunk-too-large': 'ERR_VFIO_CHUNK_TOO_LARGE',
  truncated: 'ERR_VFIO_STREAM_TRUNCATED',
  corrupt: 'ERR_VFIO_STREAM_CORRUPT',
  version: 'ERR_VFIO_STREAM_VERSION',
  'invalid-argument': 'ERR_VFIO_MALFORMED',
  busy: 'ERR_VFIO_BUSY',
  disconnected: 'ERR_VFIO_PEER_LOST',
  'timed-out': 'ERR_VFIO_PEER_TIMEOUT',
}

export function isFailure(outcome: unknown): outcome is NativeFailure {
  return typeof outcome === 'object' && outcome !== null && (outcome as NativeFailure).failed === true
}

/** The error for a native failure. `device` names the device concerned. */
export function errorFrom(failure: NativeFailure, device?: string): VfioError {
  if (failure.reason === 'system') return new VfioSystemError(failure, device)
  if (failure.reason === 'cancelled')
    return new VfioAbortError(undefined, `${failure.operation} was cancelled`)
  const detail = failure.detail === '' ? '' : `: ${failure.detail}`
  return new VfioError(codes[failure.reason], `${failure.operation}${detail}`, { device })
}

/** The value of a native call, or its failure thrown as an error whose stack leads to the caller. */
export function unwrap<T>(outcome: Outcome<T>, device?: string): T {
  if (isFailure(outcome)) throw errorFrom(outcome, device)
  return outcome
}

/** The same for the adoption of a descriptor, where a wrong kind has a code of its own. `what` names the descriptor. */
export function unwrapAdoption<T>(outcome: Outcome<T>, what: string): T {
  if (!isFailure(outcome)) return outcome
  const cause = errorFrom(outcome, what)
  if (outcome.reason === 'invalid-argument') {
    throw new VfioError('ERR_VFIO_NOT_A_DEVICE', `${what}: ${outcome.detail}`, { device: what, cause })
  }
  if (cause.code === 'EBADF') {
    throw new VfioError('ERR_VFIO_NOT_A_DEVICE', `${what} is not open in this process`, {
      device: what,
      cause,
    })
  }
  throw cause
}
