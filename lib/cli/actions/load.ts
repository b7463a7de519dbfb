// SPDX-License-Identifier: MIT
import { loadFromStream, openDevice, openImage } from '../../index.js'
import type { CommandContext } from '../command-run.js'
import type { LoadCommandOptions } from '../commands/load.js'
import { carryOut, checkEnding, checkReceiver, deposit, endingText, plannedEnding } from '../ending.js'
import { readKeyFile } from '../key-file.js'
import { loadReport } from '../load-report.js'
import { regionDigest, regionIndex } from '../region-digest.js'
import { type RunRecording, withRunReport } from '../run-recording.js'
import { vfTokenOption } from '../vf-token.js'
import { withWhereabouts } from '../whereabouts.js'

export function load(
  spec: string,
  programArguments: readonly string[],
  options: LoadCommandOptions,
  context: CommandContext,
): Promise<number> {
  return withRunReport(options, 'load', context.progress, (run) =>
    loadRecorded(spec, programArguments, options, context, run),
  )
}

async function loadRecorded(
  spec: string,
  programArguments: readonly string[],
  options: LoadCommandOptions,
  context: CommandContext,
  run: RunRecording,
): Promise<number> {
  const { signal, progress } = context
  const ending = plannedEnding(options, programArguments)
  await checkReceiver(options)
  const region = options.digest === undefined ? undefined : regionIndex(options.digest)
  const token = await vfTokenOption(options.vfTokenFile, spec)
  const key = options.keyFile === undefined ? undefined : await readKeyFile(options.keyFile)
  const file = options.input === '-' ? undefined : await openImage(options.input)
  try {
    await using device = await openDevice(spec, { signal, ...token })
    checkEnding(ending, device)
    const total = (await file?.stat())?.size
    await withWhereabouts({ destination: device }, async () => {
      const loaded = await loadFromStream(device, file?.fd ?? process.stdin.fd, {
        dataPath: options.dataPath,
        key,
        signal,
        recorder: run.recorder,
        onProgress: (sample) => progress.update({ ...sample, total }),
      })
      await run.write()
      const digest = region === undefined ? undefined : await regionDigest(device, region, signal)
      const heldAs = await deposit(device, options)
      context.report(
        loadReport(
          loaded,
          {
            device: spec,
            state: loaded.state,
            ...(digest === undefined ? {} : { digest }),
            ending,
            ...(heldAs === undefined ? {} : { heldAs }),
          },
          { path: options.input, authenticated: key !== undefined },
          endingText(ending, device, heldAs),
        ),
      )
    })
    return await carryOut(ending, device, { file: options.exec ?? '', arguments: programArguments }, signal)
  } finally {
    await file?.close()
  }
}
