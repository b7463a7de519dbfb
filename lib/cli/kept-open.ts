// SPDX-License-Identifier: MIT
import { VfioEngineError } from '../errors/index.js'
import type { CommandContext } from './command-run.js'
import { untilAborted } from './ending.js'

/** Endings in which the devices of this side may be the only ones that have the state. */
const precious: ReadonlySet<string> = new Set(['stuck', 'uncertain', 'unknown', 'waiting'])

/**
 * Runs one side of a migration. When it ends with devices that may be the last to have their state, they stay open until somebody has
 * seen to that and ends the command: closing them would lose it.
 */
export async function keptOpen<T>({ signal, progress }: CommandContext, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    if (error instanceof VfioEngineError && precious.has(error.outcome) && !signal.aborted) {
      progress.note(
        `${error.message}\nThe devices are kept open as they are. Ctrl-C closes them, and what only they have is lost then.`,
      )
      await untilAborted(signal)
    }
    throw error
  }
}
