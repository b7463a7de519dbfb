// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { addressArgument, type EngineFlags, engineOptions } from '../engine-options.js'
import { common, deviceArgument, digestOption, reportOptions, saveOptions } from '../options.js'
import { type PolicyFlags, policyOptions } from '../policy-options.js'
import type { RunReportOptions } from '../run-recording.js'

export interface SendCommandOptions extends CommonOptions, EngineFlags, RunReportOptions, PolicyFlags {
  readonly to: string
  readonly id?: string
  readonly tokenFile?: string
  readonly allowWithoutP2p?: boolean
  readonly strong?: boolean
  readonly digest?: string
  readonly preCopy: boolean
  readonly recovery: 'none' | 'previous' | 'stop' | 'reset'
  readonly bufferSize?: number
  readonly dataPath: 'auto' | 'mapped' | 'trapped'
}

export function sendCommand(): Command {
  const command = new Command('send')
    .summary('move the state of devices to another host, where vfio-migrate receive waits')
    .description(
      'Moves the state of the devices, as one, into those of `vfio-migrate receive` on another host: either all of them run there, or all go\n' +
        'on here. The order of the devices is the order there. A crash or a cut cable at any moment runs nothing twice: what is not known\n' +
        'for certain is kept, stopped, and `vfio-migrate recover` says what to do (docs/commit-protocol.md). Once the other side has\n' +
        'been told to run, Ctrl-C does not end this command, since that would lose the devices; a second one does.',
    )
    .argument('<devices...>', deviceArgument)
    .requiredOption('--to <address>', addressArgument)
    .option(
      '--id <id>',
      'what this migration is called on both sides, once and for all (default: a random UUID)',
    )
    .option('--token-file <file>', 'the one-shot token that the other side wants (mode 600)')
    .option(
      '--allow-without-p2p',
      'although not all of the devices can be quieted before any stops: only if they do no DMA to one another',
    )
    .option('--strong', 'add a SHA-256 to every frame')
  return common(reportOptions(engineOptions(policyOptions(digestOption(saveOptions(command))))), [
    'send 0000:17:00.2 0000:17:00.3 --to tls:host-b.example:7777 --tls-ca ca.pem --tls-cert a.pem --tls-key a.key',
    'send sim:v2,state=256MiB,seed=7 --to unix:/run/vfio/socket --report run.json',
    'send held:/run/vfio-keeper/socket#nic --to tcp:192.0.2.7:7777 --token-file token',
  ]).action((devices: string[], options: SendCommandOptions) =>
    runCommand(options, {}, async (context) => {
      const { sendDevices } = await import('../actions/send.js')
      return sendDevices(devices, options, context)
    }),
  )
}
