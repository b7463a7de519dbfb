// SPDX-License-Identifier: MIT
import { setVirtualFunctions } from '../../host/index.js'
import type { CommandContext } from '../command-run.js'
import { changeReport } from '../host-report.js'
import { type HostChangeFlags, hostChangeOptions } from '../options.js'

export async function setFunctions(
  device: string,
  count: number,
  flags: HostChangeFlags & { readonly replace?: boolean; readonly autoprobe: boolean },
  { signal, report }: CommandContext,
): Promise<undefined> {
  const change = await setVirtualFunctions(device, count, {
    ...hostChangeOptions(flags, signal),
    replace: flags.replace ?? false,
    ...(flags.autoprobe ? {} : { autoprobe: false }),
  })
  const { functions, before, after } = change
  const text = [
    `${change.device} has ${after} virtual functions${before === after ? ' already' : `, before: ${before}`}`,
    ...functions,
  ]
  report(changeReport(change, text.join('\n')))
  return undefined
}
