// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { exitCodeHelp } from '../exit-codes.js'
import { changeOptions, common, type HostChangeFlags } from '../options.js'

export interface MdevOptions extends CommonOptions, HostChangeFlags {
  readonly uuid?: string
}

export function mdevCommand(): Command {
  const command = new Command('mdev')
    .summary('list the types of mediated devices; create and remove devices')
    .description('Mediated devices are made by the driver of their parent; each is known by its UUID.')
  const list = common(
    new Command('list').description('Lists the types of mediated devices that this host offers.'),
    ['mdev list'],
  ).action((options: CommonOptions) =>
    runCommand(options, {}, async (context) => (await import('../actions/mdev.js')).listTypes(context)),
  )
  const create = common(
    changeOptions(
      new Command('create')
        .description('Makes a mediated device and prints its UUID. Needs root.')
        .argument('<parent>', 'a PCI address, or another name that `mdev list` shows')
        .argument('<type>', 'as `mdev list` shows it')
        .option('--uuid <uuid>', 'default: a random one'),
    ),
    ['mdev create mtty mtty-2', 'mdev create 0000:00:02.0 i915-GVTg_V5_4 --dry-run'],
  ).action((parent: string, type: string, options: MdevOptions) =>
    runCommand(options, {}, async (context) =>
      (await import('../actions/mdev.js')).create(parent, type, options, context),
    ),
  )
  const remove = common(
    changeOptions(
      new Command('remove')
        .description(
          'Removes a mediated device. While somebody has it open that is refused, and with --force waited for. Needs root.',
        )
        .argument('<uuid>', 'the device'),
    ),
    ['mdev remove 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'],
  ).action((uuid: string, options: MdevOptions) =>
    runCommand(options, {}, async (context) =>
      (await import('../actions/mdev.js')).remove(uuid, options, context),
    ),
  )
  return command
    .addCommand(list)
    .addCommand(create)
    .addCommand(remove)
    .addHelpText(
      'after',
      '\nExamples:\n  $ vfio-migrate mdev list\n  $ vfio-migrate mdev create mtty mtty-2 --json\n  $ vfio-migrate mdev remove 83b8f4f2-509f-382f-3c1e-e6bfe0fa1001',
    )
    .addHelpText('after', exitCodeHelp)
}
