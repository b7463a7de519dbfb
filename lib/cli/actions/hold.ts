// SPDX-License-Identifier: MIT
import { holdDevices, type MigratableDevice, openDevice } from '../../index.js'
import type { CommandContext } from '../command-run.js'
import type { HoldCommandOptions } from '../commands/hold.js'
import { untilAborted } from '../ending.js'
import { exitCodes } from '../exit-codes.js'
import { columns } from '../table.js'

export async function hold(
  specs: readonly string[],
  options: HoldCommandOptions,
  { signal, progress, report }: CommandContext,
): Promise<number> {
  await using keeper = await holdAll(specs, options, signal)
  const { path, devices } = keeper
  const reached = devices.map((device) => ({ ...device, spec: `held:${path}#${device.name}` }))
  report({
    json: { ok: true, socket: path, pid: process.pid, devices: reached },
    text: [
      `held by process ${process.pid}, for clients at ${path}`,
      ...(reached.length === 0
        ? []
        : [
            columns(
              ['DEVICE', 'STATE', 'CLIENTS OPEN IT AS'],
              reached.map(({ name, state, spec }) => [name, state ?? '-', spec]),
            ),
          ]),
    ].join('\n'),
  })
  await untilAborted(signal)
  const held = keeper.devices.map(({ name }) => name).join(', ')
  if (held !== '') progress.note(`letting go of ${held}: drivers reset what nobody else has open`)
  return exitCodes.ok
}

async function holdAll(specs: readonly string[], options: HoldCommandOptions, signal: AbortSignal) {
  const open: MigratableDevice[] = []
  try {
    for (const spec of specs) {
      // What somebody else opened comes in the state in which it is wanted.
      open.push(await openDevice(spec, { signal, keepState: /^(?:fd|listen|pid|held):/.test(spec) }))
    }
    return await holdDevices(open, {
      socket: options.socket,
      ...(options.allowUid === undefined ? {} : { allowUids: options.allowUid }),
    })
  } finally {
    // The keeper has duplicates. Closed only now: a group is shared with the devices opened after the first.
    for (const device of open) await device.close()
  }
}
