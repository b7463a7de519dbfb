// SPDX-License-Identifier: MIT
import { Command, Option } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import type { EndingOptions } from '../ending.js'
import { common, dataPaths, digestOption, endingOptions, keyOption } from '../options.js'

interface LoadCommandOptions extends CommonOptions, EndingOptions {
  readonly input: string
  readonly keyFile?: string
  readonly digest?: string
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
    .argument('<device>', 'PCI address, mdev UUID, /dev/vfio/devices/vfioN, or sim:...')
    .requiredOption('-i, --input <file>', 'the saved device; - is stdin')
    .addOption(
      new Option('--data-path <path>', 'v1: how the data section is reached')
        .choices(dataPaths)
        .default('auto'),
    )
  return common(endingOptions(digestOption(keyOption(command))), [
    'load 0000:17:00.3 -i nic.vfm --hold',
    'load 0000:17:00.3 -i nic.vfm --exec vmm -- --vfio-fd 3',
    'load sim:v2,state=64MiB -i nic.vfm --digest bar2',
  ]).action((spec: string, programArguments: string[], options: LoadCommandOptions) =>
    runCommand(options, { reading: true }, async ({ signal, progress, report }) => {
      const endings = await import('../ending.js')
      const ending = endings.plannedEnding(options, programArguments)
      const [{ openDevice }, { openImage }, { loadDevice }, { loadReport }, digests, { readKeyFile }] =
        await Promise.all([
          import('../../index.js'),
          import('../../stream/index.js'),
          import('../saved-device.js'),
          import('../load-report.js'),
          import('../region-digest.js'),
          import('../key-file.js'),
        ])
      const region = options.digest === undefined ? undefined : digests.regionIndex(options.digest)
      const key = options.keyFile === undefined ? undefined : await readKeyFile(options.keyFile)
      const file = options.input === '-' ? undefined : await openImage(options.input)
      try {
        await using device = await openDevice(spec)
        endings.checkEnding(ending, device)
        const loaded = await loadDevice(device, file?.fd ?? process.stdin.fd, {
          dataPath: options.dataPath,
          key,
          signal,
          total: (await file?.stat())?.size,
          onProgress: (sample) => progress.update(sample),
        })
        const state = await (await device.migration()).state()
        const digest = region === undefined ? undefined : await digests.regionDigest(device, region, signal)
        report(
          loadReport(
            loaded,
            { device: spec, state, ...(digest === undefined ? {} : { digest }), ending },
            { path: options.input, authenticated: key !== undefined },
            endings.endingText(ending, device),
          ),
        )
        return await endings.carryOut(
          ending,
          device,
          { file: options.exec ?? '', arguments: programArguments },
          signal,
        )
      } finally {
        await file?.close()
      }
    }),
  )
}
