// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import {
  common,
  deviceArgument,
  digestOption,
  keyOption,
  reportOptions,
  saveOptions,
  vfTokenFileOption,
} from '../options.js'
import { type PolicyFlags, policyOptions } from '../policy-options.js'
import type { RunReportOptions } from '../run-recording.js'

export interface SaveCommandOptions extends CommonOptions, PolicyFlags, RunReportOptions {
  readonly output: string
  readonly overwrite?: boolean
  readonly strong?: boolean
  readonly keyFile?: string
  readonly digest?: string
  readonly vfTokenFile?: string
  readonly preCopy: boolean
  readonly recovery: 'none' | 'previous' | 'stop' | 'reset'
  readonly bufferSize?: number
  readonly dataPath: 'auto' | 'mapped' | 'trapped'
}

export function saveCommand(): Command {
  const command = new Command('save')
    .summary('save the state of a device to a file or a pipe')
    .description(
      'Saves the state of a device. A file appears under its name only when it is whole and on disk; until then it lies beside it as\n' +
        '.NAME.PID.tmp, and a failure removes it and takes the device back to where it was. It holds whatever the device holds,\n' +
        'secrets included, and is readable by its owner alone. The device ends in stop and is closed, which resets a real one.',
    )
    .argument('<device>', deviceArgument)
    .requiredOption('-o, --output <file>', 'where to; - is stdout, the report then goes to stderr')
    .option('--overwrite', 'replace the file if it exists')
    .option('--strong', 'add a SHA-256 to every frame')
  return common(
    reportOptions(vfTokenFileOption(digestOption(keyOption(policyOptions(saveOptions(command)))))),
    [
      'save 0000:17:00.2 -o nic.vfm',
      'save 0000:17:00.2 -o nic.vfm --strong --key-file fleet.key',
      'save sim:v2,state=64MiB,seed=7 -o - | ssh there vfio-migrate load 0000:17:00.2 -i - --hold',
    ],
  ).action((spec: string, options: SaveCommandOptions) =>
    runCommand(options, { reportOnStderr: options.output === '-' }, async (context) => {
      const { save } = await import('../actions/save.js')
      return save(spec, options, context)
    }),
  )
}
