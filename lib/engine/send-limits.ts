// SPDX-License-Identifier: MIT

export interface SendLimits {
  /** Milliseconds until everything must be sent and loaded; it is given up otherwise. Once committed nothing is given up. Default: no limit. */
  readonly totalTimeout?: number
  /** Milliseconds without a byte of progress, outside the pauses of a drained pre-copy, after which it is given up. Default: no limit. */
  readonly noProgressTimeout?: number
}

export interface LimitedWork {
  /** Moved so far. */
  bytes(): number
  /** Whether there is nothing to move for now. */
  idle(): boolean
  exceeded(error: Error): void
}

/** Watches what may take its time, but not any time. @returns ends the watching */
export function watchLimits({ totalTimeout, noProgressTimeout }: SendLimits, work: LimitedWork): () => void {
  const timers: NodeJS.Timeout[] = []
  const exceeded = (message: string): void =>
    work.exceeded(Object.assign(new Error(message), { name: 'TimeoutError' }))
  if (totalTimeout !== undefined) {
    timers.push(
      setTimeout(() => exceeded(`not loaded after ${totalTimeout} ms (totalTimeout)`), totalTimeout),
    )
  }
  if (noProgressTimeout !== undefined) {
    let seen = -1
    let since = performance.now()
    const look = (): void => {
      const bytes = work.bytes()
      if (bytes !== seen || work.idle()) {
        seen = bytes
        since = performance.now()
      } else if (performance.now() - since >= noProgressTimeout) {
        exceeded(`no byte moved for ${noProgressTimeout} ms (noProgressTimeout)`)
      }
    }
    timers.push(setInterval(look, Math.max(10, noProgressTimeout / 4)))
  }
  return () => {
    for (const timer of timers) clearTimeout(timer)
  }
}
