// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises'
import { checkPrediction, type MigratableDevice, migrate, openDevice, parsePrediction } from '../../index.js'
import type { CommandContext } from '../command-run.js'
import type { MigrateCommandOptions } from '../commands/migrate.js'
import { carryOut, checkEnding, checkReceiver, deposit, endingText, plannedEnding } from '../ending.js'
import { switchoverOf } from '../policy-choice.js'
import { regionDigest, regionIndex } from '../region-digest.js'
import { migrationReport } from '../report.js'
import { type RunRecording, withRunReport } from '../run-recording.js'
import { vfTokenOption } from '../vf-token.js'
import { withWhereabouts } from '../whereabouts.js'

export function migrateDevices(
  specs: { readonly source: string; readonly destination: string },
  programArguments: readonly string[],
  options: MigrateCommandOptions,
  context: CommandContext,
): Promise<number> {
  return withRunReport(options, 'migrate', context.progress, (run) =>
    migrateRecorded(specs, programArguments, options, context, run),
  )
}

async function migrateRecorded(
  specs: { readonly source: string; readonly destination: string },
  programArguments: readonly string[],
  options: MigrateCommandOptions,
  context: CommandContext,
  run: RunRecording,
): Promise<number> {
  const { signal, progress } = context
  const ending = plannedEnding(options, programArguments)
  await checkReceiver(options)
  const region = options.digest === undefined ? undefined : regionIndex(options.digest)
  const prediction =
    options.prediction === undefined ? undefined : parsePrediction(await readFile(options.prediction, 'utf8'))
  const digestOf = async (device: MigratableDevice): Promise<{ digest?: string }> =>
    region === undefined ? {} : { digest: await regionDigest(device, region, signal) }
  const sourceToken = await vfTokenOption(options.sourceVfTokenFile, specs.source)
  const destinationToken = await vfTokenOption(options.destinationVfTokenFile, specs.destination)
  await using source = await openDevice(specs.source, { signal, ...sourceToken })
  await using destination = await openDevice(specs.destination, { signal, ...destinationToken })
  checkEnding(ending, destination)
  await withWhereabouts({ source, destination }, async () => {
    const before = await digestOf(source)
    const moved = await migrate(source, destination, {
      preCopy: options.preCopy,
      ...switchoverOf(options),
      recovery: { source: options.recovery },
      dataPath: options.dataPath,
      ...(options.bufferSize === undefined ? {} : { bufferSize: options.bufferSize }),
      signal,
      recorder: run.recorder,
      onProgress: (sample) => progress.update(sample),
    })
    await run.write()
    const after = await digestOf(destination)
    const heldAs = await deposit(destination, options)
    context.report(
      migrationReport(
        moved,
        { ...moved.source, ...before },
        { ...moved.destination, ...after, ending, ...(heldAs === undefined ? {} : { heldAs }) },
        endingText(ending, destination, heldAs),
        prediction === undefined ? undefined : checkPrediction(prediction, moved),
      ),
    )
  })
  return await carryOut(
    ending,
    destination,
    { file: options.exec ?? '', arguments: programArguments },
    signal,
  )
}
