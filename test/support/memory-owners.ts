// SPDX-License-Identifier: MIT
// Owners of a memory that do something else besides.
import type { MemoryOwner, SendOptions } from '../../lib/index.js'

/** An owner of which something else is done too: `then` after each round that it has sent. */
export function following(inner: MemoryOwner, then: (round: number) => Promise<void>): MemoryOwner {
  return {
    ranges: inner.ranges,
    begin: (output) => inner.begin(output),
    pendingBytes: () => inner.pendingBytes?.() ?? 0,
    send: async (round) => {
      const sent = await inner.send(round)
      if (!round.final) await then(round.round)
      return sent
    },
    finish: () => inner.finish(),
    close: () => inner.close(),
  }
}

/** Options of a sending in which `write` is called when the devices are about to be stopped, behind the last report of a round while they run. */
export function lastMoment(
  inner: MemoryOwner,
  write: () => Promise<void>,
): Pick<SendOptions, 'memory' | 'memoryLimits' | 'policy' | 'preCopy'> {
  let wrote: () => void = () => {}
  const written = new Promise<void>((resolve) => {
    wrote = resolve
  })
  return {
    preCopy: true,
    // Settled in the second round, which takes until the write was done; the third would come long after the stop.
    memoryLimits: { downtime: 1e9, pause: 1000 },
    memory: following(inner, async (round) => {
      if (round === 2) await written
    }),
    policy: async ({ memory }) => {
      if (memory?.settled === undefined) return 'continue'
      await write()
      wrote()
      return 'switch'
    },
  }
}
