// SPDX-License-Identifier: MIT
import { send } from '../../engine/index.js'
import type { CommandContext } from '../command-run.js'
import type { SendCommandOptions } from '../commands/send.js'
import { openDevices } from '../device-set.js'
import { journalOf, readTokens, tlsOf } from '../engine-options.js'
import { sendCommandReport } from '../engine-report.js'
import { keptOpen } from '../kept-open.js'
import { setPolicyOf } from '../policy-choice.js'
import { withRunReport } from '../run-recording.js'

export function sendDevices(
  specs: readonly string[],
  options: SendCommandOptions,
  context: CommandContext,
): Promise<undefined> {
  return withRunReport(options, 'send', context.progress, async (run) => {
    const { signal, progress } = context
    const {
      to,
      id,
      tokenFile,
      allowWithoutP2p = false,
      strong = false,
      preCopy,
      recovery,
      dataPath,
      bufferSize,
    } = options
    const connection = tlsOf(options, to)
    const [token] = tokenFile === undefined ? [] : await readTokens(tokenFile)
    await using devices = await openDevices(specs, signal)
    const digests = await devices.digests(options.digest, signal)
    const policy = setPolicyOf(options)
    let committed = false
    signal.addEventListener('abort', () => {
      if (committed)
        progress.note(
          'the other side was told to run: its answer is waited for, since the devices here would be lost with this process',
        )
    })
    const sent = await keptOpen(context, () =>
      send(devices.list, {
        to,
        ...connection,
        ...journalOf(options),
        ...(id === undefined ? {} : { id }),
        ...(token === undefined ? {} : { token }),
        allowWithoutP2p,
        strong,
        preCopy,
        recovery,
        dataPath,
        ...(bufferSize === undefined ? {} : { bufferSize }),
        ...(options.bandwidthLimit === undefined ? {} : { bandwidthLimit: options.bandwidthLimit }),
        ...(policy === undefined
          ? {}
          : { policy, preCopyTimeout: Number.POSITIVE_INFINITY, switchoverInterval: 250 }),
        holdOn: true,
        signal,
        recorder: run.recorder,
        onProgress: (sample) => {
          committed ||= sample.phase === 'resume'
          progress.update(sample)
        },
      }),
    )
    await run.write()
    context.report(sendCommandReport(sent, digests))
    return undefined
  })
}
