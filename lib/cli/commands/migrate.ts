// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import type { EndingOptions } from '../ending.js'
import {
  common,
  deviceArgument,
  digestOption,
  endingOptions,
  reportOptions,
  saveOptions,
} from '../options.js'
import { type PolicyFlags, policyOptions } from '../policy-options.js'
import type { RunReportOptions } from '../run-recording.js'

export interface MigrateCommandOptions extends CommonOptions, EndingOptions, PolicyFlags, RunReportOptions {
  readonly digest?: string
  readonly prediction?: string
  readonly sourceVfTokenFile?: string
  readonly destinationVfTokenFile?: string
  readonly preCopy: boolean
  readonly recovery: 'none' | 'previous' | 'stop' | 'reset'
  readonly bufferSize?: number
  readonly dataPath: 'auto' | 'mapped' | 'trapped'
}

export function migrateCommand(): Command {
  const command = new Command('migrate')
    .summary('move the state of one device of this host into another')
    .description(
      'Moves the state of SOURCE into DESTINATION, natively and in this process. The destination is prepared first, so that one which\n' +
        'refuses costs no downtime. On failure or Ctrl-C the source goes back to where it was (--recovery), the destination is reset,\n' +
        'and the message says where both are. The destination keeps the state only while somebody holds it open: --hold or --exec.\n' +
        'With --digest the source is read before it is stopped; what it dirties after that makes the two digests differ.',
    )
    .argument('<source>', deviceArgument)
    .argument('<destination>', 'a device of the same kind')
    .option('--prediction <file>', 'compare with what rehearse --out predicted')
    .option('--source-vf-token-file <file>', 'the UUID that a virtual function of vfio-pci wants (mode 600)')
    .option(
      '--destination-vf-token-file <file>',
      'the same for the destination; VFIO_VF_TOKEN stands for both',
    )
  return common(reportOptions(endingOptions(digestOption(policyOptions(saveOptions(command))))), [
    'migrate 0000:17:00.2 0000:17:00.3 --hold',
    'migrate 0000:17:00.2 0000:17:00.3 --policy qemu --downtime-limit 200ms --on-limit abort --hold',
    'migrate 0000:17:00.2 0000:17:00.3 --no-pre-copy --exec vmm -- --vfio-fd 3',
    'migrate sim:v2,state=256MiB,seed=7 sim:v2,state=256MiB --digest bar2 --json',
  ]).action(
    (source: string, destination: string, programArguments: string[], options: MigrateCommandOptions) =>
      runCommand(options, {}, async (context) => {
        const { migrateDevices } = await import('../actions/migrate.js')
        return migrateDevices({ source, destination }, programArguments, options, context)
      }),
  )
}
