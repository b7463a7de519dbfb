// SPDX-License-Identifier: MIT
import { throwIfAborted, VfioAbortError, VfioError } from '../errors/index.js'
import type { WaitOptions } from './connection.js'

/**
 * Waits for what has no end of its own. What cannot be cancelled goes on; its outcome is then nobody's.
 * @param late what to say when the time is over
 */
export async function boundedWait<T>(
  work: Promise<T>,
  { timeout, signal }: WaitOptions,
  late: string,
): Promise<T> {
  work.catch(() => undefined) // seen, should it fail after the wait
  throwIfAborted(signal)
  let timer: NodeJS.Timeout | undefined
  let abort: (() => void) | undefined
  const ended = new Promise<never>((_, reject) => {
    if (timeout !== undefined) {
      timer = setTimeout(() => reject(new VfioError('ERR_VFIO_PEER_TIMEOUT', late)), Math.max(0, timeout))
    }
    abort = () => reject(new VfioAbortError(signal?.reason))
    signal?.addEventListener('abort', abort, { once: true })
  })
  try {
    return await Promise.race([work, ended])
  } finally {
    clearTimeout(timer)
    if (abort !== undefined) signal?.removeEventListener('abort', abort)
  }
}
