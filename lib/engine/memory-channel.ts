// SPDX-License-Identifier: MIT
import type { SaveSet } from '../coordinator/save-set.js'
import type { MemoryOwner } from '../memory/memory-owner.js'
import type { SaveSession } from '../migration/save-session.js'
import type { BulkChannel } from '../transport/index.js'

/** Between two rounds of a memory whose devices still run, in milliseconds. */
const PAUSE = 100

/**
 * Saves the devices and sends the memory they write beside them: everything once, what was written since as long as they run, and the rest
 * when all of them have stopped. The tracking ends after that, and before the devices are let go.
 */
export async function sendMemory(
  owner: MemoryOwner,
  channel: BulkChannel,
  saves: SaveSet,
  write: (save: SaveSession, index: number) => Promise<void>,
  signal: AbortSignal,
): Promise<void> {
  await owner.begin(channel.fd, signal)
  const over = new AbortController()
  const rounds = repeat(owner, AbortSignal.any([signal, over.signal]))
  try {
    const saved = saves.save(write)
    // A memory that cannot be sent is no less a failure than a device that cannot be read.
    await Promise.race([
      saved,
      rounds.then(
        () => saved,
        (error: unknown) => Promise.reject(saves.fail(error) ?? error),
      ),
    ])
    await saved
    over.abort()
    await rounds
    await owner.send(true)
  } finally {
    over.abort()
    await rounds.catch(() => {})
    await owner.end()
  }
  await channel.finish()
}

async function repeat(owner: MemoryOwner, signal: AbortSignal): Promise<void> {
  while (!signal.aborted) {
    await owner.send(false)
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, PAUSE)
      signal.addEventListener('abort', () => resolve(), { once: true })
      if (signal.aborted) clearTimeout(timer)
    })
  }
}
