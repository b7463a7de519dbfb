// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { errorFrom, isFailure, throwIfAborted, unwrap, VfioAbortError, VfioError } from '../errors/index.js'
import type { NativeCancellation, NativeFailure, Outcome } from '../native-binding.js'
import type { WaitOptions } from './connection.js'

/** What the addon takes for "no time-out". */
const NONE = -1
const LONGEST = 0x7fff_ffff

/**
 * Calls the addon with what `wait` allows, as a time-out in milliseconds and a cancellation.
 * @param peer who is concerned, for messages
 */
export async function callNative<T>(
  peer: string,
  wait: WaitOptions,
  call: (timeout: number, cancellation: NativeCancellation | null) => Promise<Outcome<T>>,
): Promise<T> {
  const { signal } = wait
  const timeout = wait.timeout === undefined ? NONE : Math.min(Math.max(0, Math.ceil(wait.timeout)), LONGEST)
  throwIfAborted(signal)
  if (signal === undefined) return checked(await call(timeout, null), peer)
  const cancellation = unwrap(binding().createCancellation())
  const abort = (): void => cancellation.cancel()
  signal.addEventListener('abort', abort, { once: true })
  try {
    return checked(await call(timeout, cancellation), peer, signal)
  } finally {
    signal.removeEventListener('abort', abort)
    cancellation.close()
  }
}

function checked<T>(outcome: Outcome<T>, peer: string, signal?: AbortSignal): T {
  if (!isFailure(outcome)) return outcome
  if (outcome.reason === 'cancelled' && signal?.aborted) throw new VfioAbortError(signal.reason)
  throw connectionError(outcome, peer)
}

const lost = new Set([
  'EPIPE',
  'ECONNRESET',
  'ECONNABORTED',
  'ECONNREFUSED',
  'ENOTCONN',
  'EHOSTUNREACH',
  'EHOSTDOWN',
  'ENETUNREACH',
  'ENETDOWN',
  'ENETRESET',
  'ENOENT',
  'EPROTOTYPE',
])

/** The error for a failure on a connection to `peer`. */
export function connectionError(failure: NativeFailure, peer: string): VfioError {
  const cause = errorFrom(failure)
  if (failure.reason === 'cancelled' || failure.reason === 'closed') {
    return new VfioError('ERR_VFIO_CLOSED', `the connection to ${peer} was closed on this side`)
  }
  if (cause.code === 'ETIMEDOUT') {
    // poll(2) only waits; any other call hands on what the kernel found out about the link.
    return failure.syscall === 'poll' || failure.syscall === 'ioctl'
      ? new VfioError('ERR_VFIO_PEER_TIMEOUT', `${peer} does not answer in time`, { cause })
      : new VfioError('ERR_VFIO_PEER_LOST', `${peer} cannot be reached any more`, { cause })
  }
  if (lost.has(cause.code)) return new VfioError('ERR_VFIO_PEER_LOST', `${peer} is gone`, { cause })
  return cause
}
