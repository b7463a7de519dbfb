// SPDX-License-Identifier: MIT
import { Command, Option } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import type { EndingOptions } from '../ending.js'
import {
  common,
  dataPaths,
  deviceArgument,
  digestOption,
  endingOptions,
  keyOption,
  reportOptions,
  vfTokenFileOption,
} from '../options.js'
import type { RunReportOptions } from '../run-recording.js'

export interface LoadCommandOptions extends CommonOptions, EndingOptions, RunReportOptions {
  readonly input: string
  readonly keyFile?: string
  readonly digest?: string
  readonly vfTokenFile?: string
  readonly dataPath: 'auto' | 'mapped' | 'trapped'
}

export function loadCommand(): Command {
  const command = new Command('load')
    .summary('load a saved device into a device of the same kind')
    .description(
      'Loads what save wrote. The device runs with it only after the whole stream proved intact; on any failure it is reset.\n' +
        'A device keeps its state only while somebody holds it open: say --hold to keep this process, or --exec to hand it on.\n' +
        'Loading a state is trusting its author: it is input to firmware. --key-file proves who wrote it.',
    )
    .argument('<device>', deviceArgument)
    .requiredOption('-i, --input <file>', 'the saved device; - is stdin')
    .addOption(
      new Option('--data-path <path>', 'v1: how the data section is reached')
        .choices(dataPaths)
        .default('auto'),
    )
  return common(reportOptions(endingOptions(vfTokenFileOption(digestOption(keyOption(command))))), [
    'load 0000:17:00.3 -i nic.vfm --hold',
    'load 0000:17:00.3 -i nic.vfm --exec vmm -- --vfio-fd 3',
    'load sim:v2,state=64MiB -i nic.vfm --digest bar2',
  ]).action((spec: string, programArguments: string[], options: LoadCommandOptions) =>
    runCommand(options, { reading: true }, async (context) => {
      const { load } = await import('../actions/load.js')
      return load(spec, programArguments, options, context)
    }),
  )
}
