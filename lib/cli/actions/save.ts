// SPDX-License-Identifier: MIT
import { ImageFile, openDevice, saveToStream } from '../../index.js'
import type { CommandContext } from '../command-run.js'
import type { SaveCommandOptions } from '../commands/save.js'
import { readKeyFile } from '../key-file.js'
import { switchoverOf } from '../policy-choice.js'
import { regionDigest, regionIndex } from '../region-digest.js'
import { saveReport } from '../report.js'
import { type RunRecording, withRunReport } from '../run-recording.js'
import { UsageError } from '../usage-error.js'
import { vfTokenOption } from '../vf-token.js'
import { withWhereabouts } from '../whereabouts.js'

export function save(spec: string, options: SaveCommandOptions, context: CommandContext): Promise<undefined> {
  return withRunReport(options, 'save', context.progress, (run) => saveRecorded(spec, options, context, run))
}

async function saveRecorded(
  spec: string,
  options: SaveCommandOptions,
  context: CommandContext,
  { recorder }: RunRecording,
): Promise<undefined> {
  const toStdout = options.output === '-'
  if (toStdout && process.stdout.isTTY) {
    throw new UsageError('a terminal is no place for a saved device; name a file')
  }
  const { signal, progress } = context
  const region = options.digest === undefined ? undefined : regionIndex(options.digest)
  const token = await vfTokenOption(options.vfTokenFile, spec)
  const key = options.keyFile === undefined ? undefined : await readKeyFile(options.keyFile)
  // Before the device: nobody's device is opened for a file that cannot be.
  await using file = toStdout
    ? undefined
    : await ImageFile.create(options.output, { overwrite: options.overwrite ?? false })
  await using device = await openDevice(spec, { signal, ...token })
  await withWhereabouts({ source: device }, async () => {
    const digest = region === undefined ? undefined : await regionDigest(device, region, signal)
    const saved = await saveToStream(device, file?.fd ?? process.stdout.fd, {
      preCopy: options.preCopy,
      ...switchoverOf(options),
      recovery: options.recovery,
      dataPath: options.dataPath,
      ...(options.bufferSize === undefined ? {} : { bufferSize: options.bufferSize }),
      strong: options.strong ?? false,
      key,
      signal,
      recorder,
      onProgress: (sample) => progress.update(sample),
      secure: async () => file?.commit(),
    })
    const keyed = key !== undefined
    context.report(
      saveReport(
        saved,
        { device: spec, state: saved.state, ...(digest === undefined ? {} : { digest }) },
        { path: options.output, strong: keyed || (options.strong ?? false), keyed },
      ),
    )
  })
}
