// SPDX-License-Identifier: MIT
import { type Command, CommanderError } from 'commander'
import { packageVersion } from '../package-version.js'
import { exitCodes } from './exit-codes.js'
import { toJsonLine } from './failure.js'
import { program } from './program.js'
import { UsageError } from './usage-error.js'

/** Parses the words of the command line and runs what they ask for. Sets the exit code; never throws for wrong usage. */
export async function runProgram(words: readonly string[]): Promise<void> {
  // A wrong command line has no parsed options yet; --json is honoured all the same.
  const json = words.slice(0, words.includes('--') ? words.indexOf('--') : undefined).includes('--json')
  const root = program(packageVersion())
  prepare(root, json)
  try {
    await root.parseAsync([...words], { from: 'user' })
  } catch (error) {
    if (!(error instanceof CommanderError || error instanceof UsageError)) throw error
    if (error instanceof CommanderError && error.exitCode === 0) return
    process.exitCode = exitCodes.usage
    const message = error.message.replace(/^error: /, '')
    if (json) process.stdout.write(toJsonLine({ ok: false, error: { code: 'ERR_USAGE', message } }))
    else if (error instanceof UsageError) process.stderr.write(`vfio-migrate: ${message}\n`)
  }
}

function prepare(command: Command, json: boolean): void {
  command.exitOverride()
  if (json) command.configureOutput({ writeErr: () => {} })
  for (const inner of command.commands) prepare(inner, json)
}
