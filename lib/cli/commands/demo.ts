// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { common } from '../options.js'

interface DemoOptions extends CommonOptions {
  readonly state: string
}

export function demoCommand(): Command {
  const command = new Command('demo')
    .summary('migrate two simulated devices, one of each protocol')
    .description(
      'Migrates a simulated device of protocol v1 and one of v2 (with pre-copy), each with its own seeded contents, and reads the\n' +
        'memory of both destinations back once they run. Exit code 1 if it is not what the source had. Needs no hardware.',
    )
    .option('--state <size>', 'device memory of each', '256MiB')
  return common(command, ['demo', 'demo --json', 'demo --state 1GiB']).action((options: DemoOptions) =>
    runCommand(options, {}, async (context) => {
      const { demo } = await import('../actions/demo.js')
      return demo(options.state, context)
    }),
  )
}
