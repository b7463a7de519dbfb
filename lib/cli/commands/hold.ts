// SPDX-License-Identifier: MIT
import { Command, InvalidArgumentError, Option } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { common, deviceArgument } from '../options.js'

export interface HoldCommandOptions extends CommonOptions {
  readonly socket: string
  readonly allowUid?: readonly number[]
}

export function holdCommand(): Command {
  const command = new Command('hold')
    .summary('hold devices open, and lend them to clients that may crash or be replaced')
    .description(
      'Opens devices, or takes those that others opened, and holds their descriptors until SIGTERM or Ctrl-C. Clients borrow one as\n' +
        'held:SOCKET#NAME: as long as this process lives, no crash of a client resets the device, and another one can go on.\n' +
        'More devices can be left with it (load --hand-to SOCKET). The socket lies in a directory that only its owner can enter; it is\n' +
        'made if it is missing. When this process ends, drivers reset the devices that nobody else has open.',
    )
    .argument('[devices...]', deviceArgument)
    .requiredOption('--socket <path>', 'where clients connect')
    .addOption(
      new Option('--allow-uid <uid>', 'serve this user too, besides our own and root (repeatable)').argParser(
        (text: string, before: readonly number[] = []) => {
          if (!/^[0-9]{1,10}$/.test(text)) throw new InvalidArgumentError('a user is given by its number.')
          return [...before, Number(text)]
        },
      ),
    )
  return common(command, [
    'hold 0000:17:00.2 0000:17:00.3 --socket /run/vfio-keeper/socket',
    'migrate held:/run/vfio-keeper/socket#0000:17:00.2 0000:17:00.4 --hand-to /run/vfio-keeper/socket',
    'hold --socket /run/vfio-keeper/socket --allow-uid 1000 --json',
  ]).action((specs: string[], options: HoldCommandOptions) =>
    runCommand(options, {}, async (context) => {
      const { hold } = await import('../actions/hold.js')
      return hold(specs, options, context)
    }),
  )
}
