// SPDX-License-Identifier: MIT
import type { HostDevice } from '../list.js'
import { shellCommand } from '../shell-quote.js'
import { examineDevlink } from './devlink.js'
import { type Examination, type Finding, finding, rootCommand } from './finding.js'

/** What the device can migrate and how its dirty memory can be found, as far as that is known without opening it. */
export async function examineMigration(examination: Examination, device: HostDevice): Promise<Finding[]> {
  const { address, pci, vfio } = device
  const findings: Finding[] = []
  if (vfio) findings.push(migrationOf(device), await dirtyTracking(examination, device))
  if (pci?.physicalFunction !== undefined) findings.push(...(await examineDevlink(examination, device)))
  if (pci?.sriov !== undefined) {
    const { total, enabled } = pci.sriov
    findings.push(
      finding(
        'virtual-functions',
        'note',
        `${address} has ${enabled} of ${total} possible virtual functions`,
        {
          device: address,
          why: 'drivers that migrate take virtual functions, not the physical one',
          command:
            enabled === 0
              ? rootCommand(examination, `echo 1 > /sys/bus/pci/devices/${address}/sriov_numvfs`)
              : undefined,
        },
      ),
    )
  }
  return findings
}

function migrationOf({ address, migration }: HostDevice): Finding {
  const { migratable, protocol, features, state, reason } = migration
  const offers = features.length > 0 ? ` (${features.join(', ')})` : ''
  switch (migratable) {
    case 'yes':
      return finding(
        'migration',
        'ok',
        `${address} can migrate, by protocol ${protocol}${offers}${state === undefined ? '' : `; it is in ${state}`}`,
        { device: address },
      )
    case 'no':
      return finding('migration', 'note', `${address} cannot migrate: ${reason}`, { device: address })
    default:
      return finding(
        'migration',
        'note',
        migratable === 'likely'
          ? `${address} can most likely migrate, by protocol ${protocol}${offers}: ${reason}`
          : `whether ${address} can migrate is not known: ${reason}`,
        {
          device: address,
          why: 'only the device itself knows for sure, and asking it means opening it, which resets it',
          command: shellCommand('vfio-migrate', 'doctor', '--probe', address),
        },
      )
  }
}

// Scalable mode, second-level accessed and dirty bits, and coherent page walks (drivers/iommu/intel/iommu.h, ssads_supported).
const intelDirtyBits = [43n, 45n, 48n] as const

async function dirtyTracking({ sysfs }: Examination, device: HostDevice): Promise<Finding> {
  const { address, kind, migration } = device
  if (migration.features.includes('dirty-tracking')) {
    return finding('dirty-tracking', 'ok', `${address} logs the memory it writes itself`, { device: address })
  }
  const capabilities = await sysfs.text('bus', kind, 'devices', address, 'iommu/intel-iommu/ecap')
  const byIommu =
    capabilities !== undefined &&
    /^[0-9a-f]{1,16}$/i.test(capabilities) &&
    intelDirtyBits.every((bit) => (BigInt(`0x${capabilities}`) >> bit) & 1n)
  const why =
    'without either, all memory that is mapped for the device counts as dirty for as long as it runs'
  return byIommu
    ? finding('dirty-tracking', 'ok', `the IOMMU of ${address} can track dirty pages, through iommufd`, {
        device: address,
      })
    : finding(
        'dirty-tracking',
        'note',
        `neither ${address} nor its IOMMU is known to track dirty pages before the device is opened`,
        { device: address, why },
      )
}
