// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { common, keyOption } from '../options.js'

interface VerifyOptions extends CommonOptions {
  readonly keyFile?: string
}

export function verifyCommand(): Command {
  const command = new Command('verify')
    .summary('read a saved device and check every byte of it, without a device')
    .description(
      'Reads a file that save wrote, from its preamble to its end record, and checks all of it. Exit code 3: it is damaged.\n' +
        'With --key-file also who wrote it; without, a file may be intact and still not be from whom you think.',
    )
    .argument('<file>', 'the saved device')
  return common(keyOption(command), ['verify nic.vfm', 'verify --key-file fleet.key --json nic.vfm']).action(
    (file: string, options: VerifyOptions) =>
      runCommand(options, { reading: true }, async ({ signal, progress, report }) => {
        const [{ verifyFile }, { verifyReport }, { readKeyFile }] = await Promise.all([
          import('../../stream/index.js'),
          import('../report.js'),
          import('../key-file.js'),
        ])
        const key = options.keyFile === undefined ? undefined : await readKeyFile(options.keyFile)
        const onProgress = (at: { bytes: number; total: number }): void => {
          progress.update({ phase: 'verifying', ...at })
        }
        report(verifyReport(file, await verifyFile(file, { key, signal, onProgress })))
        return undefined
      }),
  )
}
