// SPDX-License-Identifier: MIT
import { Command, InvalidArgumentError } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { changeOptions, common, type HostChangeFlags } from '../options.js'

interface VfsOptions extends CommonOptions, HostChangeFlags {
  readonly replace?: boolean
  readonly autoprobe: boolean
}

export function vfsCommand(): Command {
  const command = new Command('vfs')
    .summary('set the number of virtual functions of a PCI device')
    .description(
      'Makes virtual functions of a physical one (SR-IOV), or with 0 removes them. The kernel changes none to some only: where there are\n' +
        'some already, --replace removes them first. Needs root, and a driver on the physical function that supports it.',
    )
    .argument('<device>', 'PCI address of the physical function')
    .argument('<count>', 'how many there shall be', (text) => {
      if (!/^[0-9]{1,5}$/.test(text)) throw new InvalidArgumentError('a count is a whole number.')
      return Number(text)
    })
    .option('--replace', 'remove those that exist, if their number is another')
    .option('--no-autoprobe', "keep the host's drivers away from the new functions")
  return common(changeOptions(command), [
    'vfs 0000:17:00.0 4 --no-autoprobe',
    'vfs 0000:17:00.0 0',
    'vfs 0000:17:00.0 8 --replace --dry-run',
  ]).action((device: string, count: number, options: VfsOptions) =>
    runCommand(options, {}, async (context) => {
      const { setFunctions } = await import('../actions/vfs.js')
      return setFunctions(device, count, options, context)
    }),
  )
}
