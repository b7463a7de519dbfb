// SPDX-License-Identifier: MIT
import { Command, Option } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { common, deviceArgument, readOptions, vfTokenFileOption } from '../options.js'
import { type PolicyFlags, parseRate, policyOptions } from '../policy-options.js'

export interface RehearseCommandOptions extends CommonOptions, PolicyFlags {
  readonly preCopy?: boolean
  readonly quiesce?: boolean
  readonly stop?: boolean
  readonly bandwidth?: number
  readonly loadRate?: number
  readonly out?: string
  readonly vfTokenFile?: string
  readonly recovery: 'none' | 'previous' | 'stop' | 'reset'
  readonly bufferSize?: number
  readonly dataPath: 'auto' | 'mapped' | 'trapped'
}

export function rehearseCommand(): Command {
  const command = new Command('rehearse')
    .summary('predict what a migration of a device takes, without one')
    .description(
      'Reads the device in pre-copy into the void, with the policy of a migration, and predicts bytes, time and downtime by its parts, each\n' +
        'with what it was measured by or why it was assumed. The device runs on, and runs at the end. What disturbs it more is done only when\n' +
        'it is asked for: --quiesce, --stop. Rehearse the device where it works, in the hands of whoever has it open (held:..., pid:...): one\n' +
        'that is opened for the rehearsal was just reset, and idles.',
    )
    .argument('<device>', deviceArgument)
    .option(
      '--pre-copy',
      'go through pre-copy (default, except with drivers that may fail to leave it: mlx5)',
    )
    .option('--no-pre-copy', 'do not: estimates only, unless --quiesce or --stop')
    .option('--quiesce', 'also quiet the device (P2P) and measure that: with some drivers a full suspend')
    .option(
      '--stop',
      'also stop the device, read it to its end and run it again: a downtime without a migration',
    )
    .addOption(
      new Option(
        '--bandwidth <rate>',
        'bytes per second to a destination on another host (100MiB); without it: a destination on this host',
      ).argParser(parseRate),
    )
    .addOption(
      new Option(
        '--load-rate <rate>',
        'bytes per second that the destination loads (default: as fast as it is read)',
      ).argParser(parseRate),
    )
    .option('--out <file>', 'keep the prediction, for migrate --prediction')
  return common(vfTokenFileOption(policyOptions(readOptions(command))), [
    'rehearse held:/run/vfio-keeper/socket#nic --policy qemu --downtime-limit 200ms --bandwidth 1GiB',
    'rehearse 0000:17:00.2 --stop --out nic.json',
    'rehearse sim:v2,state=256MiB,dirty-rate=50MiB --stop --json',
  ]).action((spec: string, options: RehearseCommandOptions) =>
    runCommand(options, {}, async (context) => {
      const { rehearseDevice } = await import('../actions/rehearse.js')
      return rehearseDevice(spec, options, context)
    }),
  )
}
