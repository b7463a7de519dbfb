// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import type { HostDevice } from '../../host/index.js'
import { type CommonOptions, runCommand } from '../command-run.js'
import { common } from '../options.js'

interface ListOptions extends CommonOptions {
  readonly vfio?: boolean
  readonly sysfs?: string
}

export function listCommand(): Command {
  const command = new Command('list')
    .summary('devices of this host that VFIO can hand out, and what they can migrate')
    .description(
      'Lists the devices that are in an IOMMU group or have a VFIO driver, with what they can migrate and, if they cannot, why.\n' +
        'Reads sysfs, and debugfs where that is allowed. Opens no device: opening one resets it.',
    )
    .option('--vfio', 'only devices that a VFIO driver has now')
    .option('--sysfs <folder>', 'a copy of /sys from elsewhere')
  return common(command, ['list', 'list --vfio', "list --json | jq '.devices[] | select(.vfio)'"]).action(
    (options: ListOptions) =>
      runCommand(options, {}, async ({ report }) => {
        const { copiedRoots, listDevices } = await import('../../host/index.js')
        const found = await listDevices(options.sysfs === undefined ? {} : await copiedRoots(options.sysfs))
        const devices = options.vfio ? found.filter(({ vfio }) => vfio) : found
        report({ json: { ok: true, devices }, text: await listText(devices, found.length) })
        return undefined
      }),
  )
}

async function listText(devices: readonly HostDevice[], found: number): Promise<string> {
  const { columns } = await import('../table.js')
  if (devices.length === 0) {
    return found === 0
      ? 'no device of this host is in an IOMMU group: vfio-migrate doctor says why'
      : 'no device of this host is bound to a VFIO driver; list without --vfio shows those that could be'
  }
  const table = columns(
    ['DEVICE', 'IDS', 'DRIVER', 'GROUP', 'NODE', 'MIGRATION'],
    devices.map((device) => [
      device.address,
      kindText(device),
      device.driver ?? '-',
      groupText(device),
      device.cdev ?? device.group?.node ?? '-',
      migrationText(device),
    ]),
  )
  const notes = devices.map(noteOf).filter((note) => note !== undefined)
  return notes.length === 0 ? table : `${table}\n\n${notes.join('\n')}`
}

function kindText(device: HostDevice): string {
  return device.pci === undefined ? (device.mdev?.type ?? device.kind) : idsText(device.pci)
}

function idsText({ vendorId, deviceId }: { vendorId: number; deviceId: number }): string {
  return `${vendorId.toString(16).padStart(4, '0')}:${deviceId.toString(16).padStart(4, '0')}`
}

function groupText({ group }: HostDevice): string {
  if (group === undefined) return '-'
  const blocked = group.blockers.length > 0 ? ' (not viable)' : ''
  return `${group.id}${group.siblings.length > 0 ? ` +${group.siblings.length}` : ''}${group.noiommu ? ' (no IOMMU)' : blocked}`
}

function migrationText({ migration }: HostDevice): string {
  const { migratable, protocol, features, state } = migration
  if (migratable === 'no' || migratable === 'unknown') return migratable
  return `${protocol}${migratable === 'likely' ? '?' : ''} ${features.join(',')}${state === undefined ? '' : ` (${state})`}`
}

// Why a device that VFIO has cannot migrate; of the others that is plain from their driver.
function noteOf({ address, vfio, migration, group }: HostDevice): string | undefined {
  if (!vfio) return undefined
  if (group !== undefined && group.blockers.length > 0) {
    return `${address}: its group cannot be opened while ${group.blockers.join(', ')} has a driver of its own`
  }
  return migration.migratable === 'yes' ? undefined : `${address}: ${migration.reason}`
}
