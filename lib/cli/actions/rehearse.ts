// SPDX-License-Identifier: MIT
import { openDevice, preCopiesByDefault, rehearsalWarnings, rehearse } from '../../index.js'
import { ReportFile } from '../../recorder/report-file.js'
import type { CommandContext } from '../command-run.js'
import type { RehearseCommandOptions } from '../commands/rehearse.js'
import { switchoverOf } from '../policy-choice.js'
import { predictionReport } from '../prediction-report.js'
import { vfTokenOption } from '../vf-token.js'
import { withWhereabouts } from '../whereabouts.js'

export async function rehearseDevice(
  spec: string,
  options: RehearseCommandOptions,
  context: CommandContext,
): Promise<undefined> {
  const { signal, progress } = context
  const { quiesce = false, stop = false, bandwidth, loadRate, bufferSize, dataPath, recovery } = options
  const token = await vfTokenOption(options.vfTokenFile, spec)
  await using file = options.out === undefined ? undefined : await ReportFile.create(options.out)
  await using device = await openDevice(spec, { signal, ...token })
  await withWhereabouts({ source: device }, async () => {
    const { capabilities } = await device.migration()
    const preCopy = options.preCopy ?? preCopiesByDefault(device.driver, capabilities)
    const steps = { preCopy: preCopy && capabilities.preCopy, quiesce, stop }
    for (const warning of rehearsalWarnings(device.driver, capabilities.p2p, steps)) {
      progress.note(`warning: ${warning}`)
    }
    const prediction = await rehearse(device, {
      ...switchoverOf(options),
      preCopy,
      quiesce,
      stop,
      dataPath,
      recovery,
      ...(bandwidth === undefined ? {} : { bandwidth }),
      ...(loadRate === undefined ? {} : { loadRate }),
      ...(bufferSize === undefined ? {} : { bufferSize }),
      signal,
      onProgress: (sample) => progress.update(sample),
    })
    await file?.write(prediction)
    context.report(predictionReport(prediction))
  })
}
