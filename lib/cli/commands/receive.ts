// SPDX-License-Identifier: MIT
import { Command, Option } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import type { EndingOptions } from '../ending.js'
import { addressArgument, type EngineFlags, engineOptions } from '../engine-options.js'
import { common, deviceArgument, digestOption, reportOptions } from '../options.js'
import type { RunReportOptions } from '../run-recording.js'

export interface ReceiveCommandOptions extends CommonOptions, EngineFlags, RunReportOptions, EndingOptions {
  readonly listen: string
  readonly allow?: readonly string[]
  readonly tokenFile?: string
  readonly allInterfaces?: boolean
  readonly allowWithoutP2p?: boolean
  readonly digest?: string
}

export function receiveCommand(): Command {
  const command = new Command('receive')
    .summary('wait for vfio-migrate send on another host, and load what it sends')
    .description(
      'Waits for `vfio-migrate send` and loads what it sends into the devices, in the order in which they are given there. They run when the\n' +
        'source has committed, and not before. A complete copy is kept, stopped, until the source says what it becomes: --timeout does\n' +
        'not end that, Ctrl-C gives it up. Who may load is said by --allow or --token-file: a valid certificate alone is not enough; at a\n' +
        'UNIX socket it is who has the same user. The devices keep their state only while somebody holds them open: --hold, --hand-to.',
    )
    .argument('<devices...>', deviceArgument)
    .requiredOption('--listen <address>', `${addressArgument}; port 0: any`)
    .addOption(
      new Option(
        '--allow <name>',
        'whoever has a certificate of this name may load (repeatable); NAME=DEVICE,…: into these devices only',
      ).argParser((text: string, before: readonly string[] = []) => [...before, text]),
    )
    .option('--token-file <file>', 'one-shot tokens, one a line, each good for one migration (mode 600)')
    .option('--all-interfaces', 'listen at an address that means all interfaces, such as tls:0.0.0.0:7777')
    .option('--allow-without-p2p', 'although not all of the devices can be quieted before any runs')
    .addOption(new Option('--hold', 'keep the devices open until Ctrl-C or SIGTERM').conflicts(['handTo']))
    .option('--hand-to <socket>', 'leave the devices with the keeper at a socket (vfio-migrate hold)')
  return common(reportOptions(engineOptions(digestOption(command))), [
    'receive 0000:17:00.2 0000:17:00.3 --listen tls:192.0.2.7:7777 --allow host-a.example --tls-ca ca.pem --tls-cert b.pem --tls-key b.key --hold',
    'receive sim:v2,state=256MiB --listen unix:/run/vfio/socket --hold',
    'receive 0000:17:00.2 --listen tcp:192.0.2.7:7777 --token-file tokens --hand-to /run/vfio-keeper/socket',
  ]).action((devices: string[], options: ReceiveCommandOptions) =>
    runCommand(options, {}, async (context) => {
      const { receiveDevices } = await import('../actions/receive.js')
      return receiveDevices(devices, options, context)
    }),
  )
}
