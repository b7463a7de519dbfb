// SPDX-License-Identifier: MIT
import { createMdev, listMdevTypes, removeMdev } from '../../host/index.js'
import type { CommandContext } from '../command-run.js'
import type { MdevOptions } from '../commands/mdev.js'
import { changeReport } from '../host-report.js'
import { hostChangeOptions } from '../options.js'
import { columns } from '../table.js'

export async function listTypes({ report }: CommandContext): Promise<undefined> {
  const types = await listMdevTypes()
  const text =
    types.length === 0
      ? 'no device of this host offers mediated devices: the driver that does is not loaded'
      : columns(
          ['PARENT', 'TYPE', 'AVAILABLE', 'NAME'],
          types.map((one) => [one.parent, one.type, `${one.available ?? '-'}`, one.name ?? '-']),
        )
  report({ json: { ok: true, types }, text })
  return undefined
}

export async function create(
  parent: string,
  type: string,
  options: MdevOptions,
  { signal, report }: CommandContext,
): Promise<undefined> {
  const change = await createMdev(parent, type, {
    ...hostChangeOptions(options, signal),
    ...(options.uuid === undefined ? {} : { uuid: options.uuid }),
  })
  report(changeReport(change, change.device))
  return undefined
}

export async function remove(
  uuid: string,
  options: MdevOptions,
  { signal, report }: CommandContext,
): Promise<undefined> {
  const change = await removeMdev(uuid, hostChangeOptions(options, signal))
  report(changeReport(change, `${change.device} is removed`))
  return undefined
}
