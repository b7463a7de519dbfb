// SPDX-License-Identifier: MIT
import { bindDevice, bindGroup, type DriverChange, unbindDevice } from '../../host/index.js'
import type { CommandContext } from '../command-run.js'
import { changeReport } from '../host-report.js'
import { type HostChangeFlags, hostChangeOptions } from '../options.js'

export async function bind(
  device: string,
  flags: HostChangeFlags & { readonly driver?: string; readonly group?: boolean },
  { signal, report }: CommandContext,
): Promise<undefined> {
  const options = hostChangeOptions(flags, signal)
  if (!flags.group) {
    const change = await bindDevice(device, flags.driver, options)
    report(changeReport(change, driverText(change)))
    return undefined
  }
  const change = await bindGroup(device, flags.driver, options)
  const text = change.bound.map((one) => `${one.device} is bound to ${one.driver}`).join('\n')
  report(changeReport(change, text || `group ${change.group} of ${change.device} can be used as it is`))
  return undefined
}

export async function unbind(
  device: string,
  flags: HostChangeFlags & { readonly giveBack?: boolean },
  { signal, report }: CommandContext,
): Promise<undefined> {
  const change = await unbindDevice(device, {
    ...hostChangeOptions(flags, signal),
    giveBack: flags.giveBack ?? false,
  })
  report(changeReport(change, driverText(change)))
  return undefined
}

function driverText({ device, before, after, writes }: DriverChange): string {
  const now = after === undefined ? `${device} has no driver` : `${device} is bound to ${after}`
  if (writes.length === 0) return `${now} already`
  return before === undefined ? now : `${now}, before: ${before}`
}
