// SPDX-License-Identifier: MIT
import { Command, InvalidArgumentError, Option } from 'commander'
import { parseSize } from '../../quantity.js'
import { type CommonOptions, runCommand } from '../command-run.js'
import { common } from '../options.js'

export interface ServeCommandOptions extends CommonOptions {
  readonly socket: string
  readonly passThrough?: boolean
  readonly allowUid?: readonly number[]
  readonly anyDirectory?: boolean
  readonly once?: boolean
  readonly twinSocket?: boolean
  readonly strict?: boolean
  readonly maxTransfer?: number
  readonly maxDmaMaps?: number
}

export function serveCommand(): Command {
  const command = new Command('serve')
    .summary('serve a device over vfio-user, on a UNIX socket')
    .description(
      'Opens a device and serves it over vfio-user until Ctrl-C or SIGTERM, to one client after the other. The device stays open, with its\n' +
        'state, whatever becomes of the clients: so a simulated device outlives the process that uses it. The socket is made for this user\n' +
        'alone, in a directory that only its owner can enter. --json prints a line for each event, the first when it listens.',
    )
    .argument(
      '<device>',
      'sim:..., or with --pass-through a PCI address, mdev UUID, /dev/vfio/devices/vfioN, fd:N',
    )
    .requiredOption('--socket <path>', 'where to listen; its directory must exist')
    .option('--once', 'end with the first client')
    .option('--pass-through', "serve a device of the kernel's: clients get its DMA")
    .addOption(
      new Option(
        '--allow-uid <uid>',
        'a user that may connect, besides this one and root (may be repeated)',
      ).argParser((text, before: readonly number[] | undefined) => [...(before ?? []), whole(text)]),
    )
    .option('--any-directory', 'serve in a directory that others can enter, all the same')
    .option('--twin-socket', 'offer a second socket for DMA messages (the default)')
    .option('--no-twin-socket', 'offer none')
    .option('--strict', 'refuse in stopped states what libvfio-user refuses there')
    .addOption(
      new Option('--max-transfer <size>', 'data of one message, 4KiB to 64MiB (default 1MiB)').argParser(
        (text) => {
          const size = parseSize(text)
          if (size === undefined || size < 4096 || size > 64 * 1024 * 1024)
            throw new InvalidArgumentError('4KiB to 64MiB are possible.')
          return size
        },
      ),
    )
    .addOption(
      new Option('--max-dma-maps <number>', 'DMA mappings of a client (default 65535)').argParser(whole),
    )
  return common(command, [
    'serve sim:v2,state=64MiB,seed=7 --socket "$XDG_RUNTIME_DIR/a.sock"',
    'serve sim:v1 --socket ./private/b.sock --once --json',
    'serve 0000:17:00.2 --pass-through --socket ./private/nic.sock',
  ]).action((spec: string, options: ServeCommandOptions) =>
    runCommand(options, {}, async (context) => {
      const { serveDevice } = await import('../actions/serve.js')
      return serveDevice(spec, options, context)
    }),
  )
}

function whole(text: string): number {
  const number = /^[0-9]{1,10}$/.test(text) ? Number(text) : Number.NaN
  if (!(number <= 0xffff_ffff)) throw new InvalidArgumentError('a number from 0 to 4294967295 is wanted.')
  return number
}
