// SPDX-License-Identifier: MIT
import { type AllowRule, receive } from '../../engine/index.js'
import type { MigratableDevice } from '../../index.js'
import type { CommandContext } from '../command-run.js'
import type { ReceiveCommandOptions } from '../commands/receive.js'
import { openDevices } from '../device-set.js'
import { checkEnding, checkReceiver, deposit, endingText, plannedEnding, untilAborted } from '../ending.js'
import { journalOf, readTokens, tlsOf } from '../engine-options.js'
import { receiveCommandReport } from '../engine-report.js'
import { keptOpen } from '../kept-open.js'
import { withRunReport } from '../run-recording.js'
import { UsageError } from '../usage-error.js'

export function receiveDevices(
  specs: readonly string[],
  options: ReceiveCommandOptions,
  context: CommandContext,
): Promise<undefined> {
  return withRunReport(options, 'receive', context.progress, async (run) => {
    const { signal, progress } = context
    const { listen, allow = [], tokenFile, allInterfaces = false, allowWithoutP2p = false } = options
    const ending = plannedEnding(options, [])
    await checkReceiver(options)
    const connection = tlsOf(options, listen)
    const tokens = tokenFile === undefined ? [] : await readTokens(tokenFile)
    await using devices = await openDevices(specs, signal)
    for (const device of devices.list) checkEnding(ending, device)
    const received = await keptOpen(context, () =>
      receive(devices.list, {
        listen,
        ...connection,
        ...journalOf(options),
        allow: allow.map(ruleOf),
        tokens,
        allInterfaces,
        allowWithoutP2p,
        holdOn: true,
        signal,
        recorder: run.recorder,
        onListening: (address) => {
          context.tell({ json: { event: 'listening', address }, text: `listening at ${address}` })
        },
        onRefused: (peer, error) => progress.note(`${peer} was sent away: ${error.message}`),
        onProgress: (sample) => progress.update(sample),
      }),
    )
    await run.write()
    const digests = await devices.digests(options.digest, signal)
    const heldAs: string[] = []
    for (const device of devices.list) {
      const held = await deposit(device, options)
      if (held !== undefined) heldAs.push(held)
    }
    context.report(
      receiveCommandReport(received, digests, {
        name: ending,
        heldAs,
        text: devices.list
          .map((device: MigratableDevice, index) => endingText(ending, device, heldAs[index]))
          .join('\n'),
      }),
    )
    if (ending === 'held') await untilAborted(signal)
    return undefined
  })
}

/** `NAME` or `NAME=DEVICE,…`. @throws {UsageError} */
function ruleOf(text: string): AllowRule {
  const [certificate = '', devices] = text.split('=', 2)
  if (certificate === '' || devices === '')
    throw new UsageError(`--allow ${text}: it looks like NAME or NAME=DEVICE,DEVICE`)
  return { certificate, ...(devices === undefined ? {} : { devices: devices.split(',') }) }
}
