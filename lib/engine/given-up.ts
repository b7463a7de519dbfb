// SPDX-License-Identifier: MIT
// What is given up says why in its signal's reason: an error already, not only the cause of one.

/** @throws the reason of `signal`, if it has fired */
export function throwIfGivenUp(signal: AbortSignal): void {
  if (signal.aborted) throw signal.reason
}

/** The result of `work`, which goes on unheeded when `signal` fires first. @throws its reason then */
export async function unlessGivenUp<T>(work: Promise<T>, signal: AbortSignal): Promise<T> {
  throwIfGivenUp(signal)
  let onAbort: () => void = () => {}
  const givenUp = new Promise<never>((_, reject) => {
    onAbort = () => reject(signal.reason)
    signal.addEventListener('abort', onAbort, { once: true })
  })
  try {
    return await Promise.race([work, givenUp])
  } finally {
    signal.removeEventListener('abort', onAbort)
  }
}
