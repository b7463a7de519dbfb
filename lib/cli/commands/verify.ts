// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { common, keyOption } from '../options.js'

export interface VerifyCommandOptions extends CommonOptions {
  readonly keyFile?: string
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .summary('read a saved device and check every byte of it, without a device')
    .description(
      'Reads a file that save wrote, from its preamble to its end record, and checks all of it. Exit code 3: it is damaged.\n' +
        'With --key-file also who wrote it; without, a file may be intact and still not be from whom you think.',
    )
    .argument('<file>', 'the saved device')
  return common(keyOption(command), ['verify nic.vfm', 'verify --key-file fleet.key --json nic.vfm']).action(
    (file: string, options: VerifyCommandOptions) =>
      runCommand(options, { reading: true }, async (context) => {
        const { verify } = await import('../actions/verify.js')
        return verify(file, options, context)
      }),
  )
}
