// SPDX-License-Identifier: MIT
// What an open device says of itself.
import { VfioError } from '../../errors/index.js'
import { openDevice } from '../../index.js'
import type { MigratableDevice } from '../../migration/migratable-device.js'
import { PciConfig } from '../../pci/index.js'
import { formatBytes } from '../../quantity.js'
import type { CommandReport } from '../command-run.js'
import {
  capabilityTable,
  featureTable,
  irqTable,
  type ProbedCapability,
  type ProbedIrq,
  type ProbedRegion,
  regionTable,
} from '../probe-tables.js'
import { facts } from '../table.js'
import { vfTokenOption } from '../vf-token.js'

// VFIO_REGION_INFO_FLAG_* and VFIO_PCI_*_IRQ_INDEX in <linux/vfio.h>.
const regionFlags = ['read', 'write', 'mmap', 'capabilities'] as const
const irqNames = ['intx', 'msi', 'msi-x', 'err', 'req'] as const

interface MigrationFacts {
  readonly migratable: boolean
  readonly reason?: string
  readonly protocol?: string
  readonly state?: string
  readonly preCopy?: boolean
  readonly p2p?: boolean
  readonly flags?: string
  readonly dataSection?: string
  readonly stopCopyBytes?: bigint
}

/** Opens the device, asks it everything that changes nothing, and closes it. */
export async function probe(spec: string, vfTokenFile?: string): Promise<CommandReport> {
  const keepState = /^(?:fd|listen|pid|held):/.test(spec)
  await using device = await openDevice(spec, { keepState, ...(await vfTokenOption(vfTokenFile, spec)) })
  const info = await device.info()
  const regions = (await device.regions()).map((region): ProbedRegion & { type: unknown } => ({
    index: region.index,
    name: region.kind,
    size: region.size,
    flags: regionFlags.filter((_, bit) => (region.info.flags >> bit) & 1),
    capabilities: region.capabilities,
    mappable: region.info.mappable.map(({ offset, size }) => ({ offset, size })),
    type: region.info.type,
  }))
  const irqs: ProbedIrq[] = []
  for (let index = 0; index < Math.min(info.irqs, 64); index += 1) {
    const irq = await device.irqInfo(index)
    if (irq.count > 0)
      irqs.push({ index, name: irqNames[index] ?? String(index), count: irq.count, flags: irq.flags })
  }
  const features = (await device.features()).filter(({ get, set }) => get || set)
  const capabilities = await askCapabilities(device)
  const migration = await askMigration(device)
  return {
    json: {
      resettable: info.resettable,
      flags: info.flags,
      regions,
      irqs,
      features,
      ...(capabilities === undefined ? {} : { capabilities }),
      migration,
    },
    text: [
      facts([
        ['reset', info.resettable ? 'yes' : 'no: nothing but a close leaves error and resuming'],
        ['migration', migration.migratable ? migration.protocol : `no: ${migration.reason}`],
        ['state', migration.state],
        ['pre-copy', yesNo(migration.preCopy)],
        ['p2p', yesNo(migration.p2p)],
        ['data section', migration.dataSection],
        [
          'stop-copy size',
          migration.stopCopyBytes === undefined ? undefined : formatBytes(Number(migration.stopCopyBytes)),
        ],
      ]),
      '',
      regionTable(regions),
      ...(irqs.length === 0 ? [] : ['', irqTable(irqs)]),
      ...(features.length === 0 ? [] : ['', featureTable(features)]),
      ...(capabilities === undefined || capabilities.length === 0 ? [] : ['', capabilityTable(capabilities)]),
    ].join('\n'),
  }
}

// Nothing where there is no configuration space, or none that makes sense: the rest of the device is worth seeing all the same.
async function askCapabilities(device: MigratableDevice): Promise<ProbedCapability[] | undefined> {
  try {
    const config = await PciConfig.of(device)
    return [
      ...(await config.capabilities()).map((one) => ({ ...one, extended: false })),
      ...(await config.extendedCapabilities()).map((one) => ({ ...one, extended: true })),
    ]
  } catch (error) {
    if (error instanceof VfioError) return undefined
    throw error
  }
}

async function askMigration(device: MigratableDevice): Promise<MigrationFacts> {
  try {
    const migration = await device.migration()
    const { preCopy, p2p, flags, dataSection } = migration.capabilities
    const stopCopyBytes = await migration.stopCopySize()
    return {
      migratable: true,
      protocol: migration.protocol,
      state: await migration.state(),
      preCopy,
      p2p,
      flags: `0x${flags.toString(16)}`,
      ...(dataSection === undefined ? {} : { dataSection }),
      ...(stopCopyBytes === undefined ? {} : { stopCopyBytes }),
    }
  } catch (error) {
    if (error instanceof VfioError && error.code === 'ERR_VFIO_NOT_MIGRATABLE') {
      return { migratable: false, reason: error.message }
    }
    throw error
  }
}

function yesNo(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? 'yes' : 'no'
}
