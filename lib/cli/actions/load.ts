// SPDX-License-Identifier: MIT
import { openDevice, openImage } from '../../index.js'
import type { CommandContext } from '../command-run.js'
import type { LoadCommandOptions } from '../commands/load.js'
import { carryOut, checkEnding, endingText, plannedEnding } from '../ending.js'
import { readKeyFile } from '../key-file.js'
import { loadReport } from '../load-report.js'
import { regionDigest, regionIndex } from '../region-digest.js'
import { loadDevice } from '../saved-device.js'
import { withWhereabouts } from '../whereabouts.js'

export async function load(
  spec: string,
  programArguments: readonly string[],
  options: LoadCommandOptions,
  context: CommandContext,
): Promise<number> {
  const { signal, progress } = context
  const ending = plannedEnding(options, programArguments)
  const region = options.digest === undefined ? undefined : regionIndex(options.digest)
  const key = options.keyFile === undefined ? undefined : await readKeyFile(options.keyFile)
  const file = options.input === '-' ? undefined : await openImage(options.input)
  try {
    await using device = await openDevice(spec, { signal })
    checkEnding(ending, device)
    await withWhereabouts({ destination: device }, async () => {
      const loaded = await loadDevice(device, file?.fd ?? process.stdin.fd, {
        dataPath: options.dataPath,
        key,
        signal,
        total: (await file?.stat())?.size,
        onProgress: (sample) => progress.update(sample),
      })
      const state = await (await device.migration()).state()
      const digest = region === undefined ? undefined : await regionDigest(device, region, signal)
      context.report(
        loadReport(
          loaded,
          { device: spec, state, ...(digest === undefined ? {} : { digest }), ending },
          { path: options.input, authenticated: key !== undefined },
          endingText(ending, device),
        ),
      )
    })
    return await carryOut(ending, device, { file: options.exec ?? '', arguments: programArguments }, signal)
  } finally {
    await file?.close()
  }
}
