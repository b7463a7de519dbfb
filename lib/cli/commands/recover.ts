// SPDX-License-Identifier: MIT
import { Command, Option } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { type EngineFlags, engineOptions } from '../engine-options.js'
import { common } from '../options.js'

export interface RecoverCommandOptions extends CommonOptions, EngineFlags {
  readonly side?: 'source' | 'destination'
  readonly finish?: boolean
  readonly resume?: boolean
  readonly promote?: boolean
  readonly abort?: boolean
  readonly to?: string
  readonly listen?: string
  readonly allInterfaces?: boolean
  readonly all?: boolean
  readonly hold?: boolean
}

export function recoverCommand(): Command {
  const command = new Command('recover')
    .summary('say where migrations stand whose engine died, and finish them')
    .description(
      'Without an action: reads the journals of this host and says of each unfinished migration what is known, what to find out, and what\n' +
        'can be done here. Nothing is touched. With one: takes the migration up again, its devices from whoever held them. --resume and\n' +
        '--promote are your word, which is recorded, for what no engine can know: that the other copy is gone and did not run.',
    )
    .argument('[id]', 'one migration')
    .addOption(
      new Option('--side <side>', 'where this host has both sides of it').choices(['source', 'destination']),
    )
    .option('--all', 'also those that need nothing more')
    .option('--finish', 'do what the journal and the other side say')
    .addOption(
      new Option(
        '--resume',
        "source: the destination's copy is gone and never ran; run here again",
      ).conflicts(['promote', 'abort']),
    )
    .addOption(
      new Option(
        '--promote',
        "destination: the source's devices are gone and did not run again; run the complete copy here",
      ).conflicts('abort'),
    )
    .option('--abort', 'destination: the complete copy is not wanted; throw it away')
    .option('--to <address>', 'source: where the destination listens now')
    .option('--listen <address>', 'destination: where to listen for the source now')
    .option('--all-interfaces', 'listen at an address that means all interfaces')
    .option('--hold', 'keep the devices open until Ctrl-C or SIGTERM')
  return common(engineOptions(command), [
    'recover',
    'recover 6f1c0d9e-6c7b-4f0e-9a9c-0d8f7c1f4a11 --finish',
    'recover 6f1c0d9e-6c7b-4f0e-9a9c-0d8f7c1f4a11 --promote --hold',
  ]).action((id: string | undefined, options: RecoverCommandOptions) =>
    runCommand(options, {}, async (context) => {
      const { recover } = await import('../actions/recover.js')
      return recover(id, options, context)
    }),
  )
}
