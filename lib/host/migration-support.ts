// SPDX-License-Identifier: MIT
// What a device can migrate, as far as that can be known without opening it.
import type { Sysfs } from './sysfs.js'
import { isVfioDriver } from './vfio-driver.js'

export interface MigrationSupport {
  /** `no` and `yes` are facts; `likely` is what the driver can do where device, firmware and kernel agree; `unknown` is that. */
  readonly migratable: 'yes' | 'likely' | 'unknown' | 'no'
  readonly protocol: 'v1' | 'v2' | undefined
  /** `stop-copy`, `p2p`, `pre-copy`, `dirty-tracking`: as debugfs has them, else as the driver is known to offer them. */
  readonly features: readonly string[]
  /** The state as debugfs has it. */
  readonly state: string | undefined
  /** Why, in a sentence. */
  readonly reason: string
}

interface DriverFacts {
  readonly protocol: 'v1' | 'v2'
  readonly features: readonly string[]
  /** What must hold besides the driver. */
  readonly needs?: string
}

const knownDrivers: Readonly<Record<string, DriverFacts>> = {
  'mlx5-vfio-pci': {
    protocol: 'v2',
    features: ['stop-copy', 'p2p', 'pre-copy', 'dirty-tracking'],
    needs:
      'the VF must be devlink-migratable (devlink port function set ... migratable enable) and the firmware must offer it',
  },
  'hisi-acc-vfio-pci': { protocol: 'v2', features: ['stop-copy', 'pre-copy'] },
  'pds-vfio-pci': { protocol: 'v2', features: ['stop-copy', 'p2p', 'dirty-tracking'] },
  'qat-vfio-pci': { protocol: 'v2', features: ['stop-copy', 'p2p', 'pre-copy'] },
  'virtio-vfio-pci': {
    protocol: 'v2',
    features: ['stop-copy', 'p2p', 'pre-copy'],
    needs: 'the device must offer the device parts capability (Linux 6.13)',
  },
  'xe-vfio-pci': { protocol: 'v2', features: ['stop-copy', 'p2p'] },
  'i915-vfio-pci': { protocol: 'v1', features: ['stop-copy', 'pre-copy'] },
  mtty: { protocol: 'v2', features: ['stop-copy', 'p2p', 'pre-copy'] },
}

const withoutMigration = new Set([
  'vfio-pci',
  'nvgrace-gpu-vfio-pci',
  'ism-vfio-pci',
  'vfio-platform',
  'vfio-amba',
  'vfio-fsl-mc',
])

const debugStates: Readonly<Record<string, string>> = {
  ERROR: 'error',
  STOP: 'stop',
  RUNNING: 'running',
  STOP_COPY: 'stop-copy',
  RESUMING: 'resuming',
  RUNNING_P2P: 'running-p2p',
  PRE_COPY: 'pre-copy',
  PRE_COPY_P2P: 'pre-copy-p2p',
}

const debugFeatures = new Set(['stop-copy', 'p2p', 'pre-copy', 'dirty-tracking'])

/** Reading the state in debugfs waits behind a state change in progress; longer than this is not waited. In milliseconds. */
const debugPatience = 500

/**
 * @param name the device's name in sysfs, which is its folder in debugfs, too
 * @param driver the driver that implements its VFIO side: its own, or for an mdev its parent's
 */
export async function readMigrationSupport(
  sysfs: Sysfs,
  name: string,
  driver: string | undefined,
  kind: string,
): Promise<MigrationSupport> {
  if (driver === undefined) return no('no driver is bound to it')
  if (kind !== 'mdev' && !isVfioDriver(driver)) return no(`bound to ${driver}, which is not a VFIO driver`)
  // drivers/vfio/debugfs.c: vfio/DEVICE exists for every VFIO device, migration/ below it for those with migration operations.
  const folder = ['vfio', name] as const
  const facts = factsOf(driver)
  if (await sysfs.debugExists(...folder, 'migration')) return fromDebugfs(sysfs, name, facts)
  // Of v1 debugfs knows nothing, so what a driver unknown here lacks there is v2 only.
  if ((await sysfs.debugExists(...folder)) && facts?.protocol === 'v2') {
    return no(
      `${driver} offers no migration for this device, says the kernel${facts.needs ? `; ${facts.needs}` : ''}`,
    )
  }
  if (facts !== undefined) {
    return {
      migratable: 'likely',
      protocol: facts.protocol,
      features: facts.features,
      state: undefined,
      reason: `${driver} implements ${facts.protocol}${facts.needs ? `; ${facts.needs}` : ''}`,
    }
  }
  if (withoutMigration.has(canonical(driver))) {
    return no(`${driver} implements no migration: a driver for this very device is needed`)
  }
  return {
    migratable: 'unknown',
    protocol: undefined,
    features: [],
    state: undefined,
    reason: `${driver} is not known to this release; only the device itself can tell (inspect --probe)`,
  }
}

async function fromDebugfs(
  sysfs: Sysfs,
  name: string,
  facts: DriverFacts | undefined,
): Promise<MigrationSupport> {
  // Not every kernel that has the state there has the features, too (6.12 does not).
  const features = await sysfs.debugText('vfio', name, 'migration/features')
  const state = await within(debugPatience, sysfs.debugText('vfio', name, 'migration/state'))
  return {
    migratable: 'yes',
    protocol: 'v2',
    features: features?.split('\n').filter((feature) => debugFeatures.has(feature)) ?? facts?.features ?? [],
    state: state === undefined ? undefined : debugStates[state],
    reason: 'the kernel says so (debugfs)',
  }
}

function no(reason: string): MigrationSupport {
  return { migratable: 'no', protocol: undefined, features: [], state: undefined, reason }
}

// Drivers are written with dashes or underscores, depending on who asks: the module is mlx5_vfio_pci, the driver mlx5-vfio-pci or the like.
function canonical(driver: string): string {
  return driver.replaceAll('_', '-')
}

function factsOf(driver: string): DriverFacts | undefined {
  const name = canonical(driver)
  return Object.hasOwn(knownDrivers, name) ? knownDrivers[name] : undefined
}

async function within<T>(milliseconds: number, promise: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(resolve, milliseconds, undefined)
  })
  try {
    return await Promise.race([promise, late])
  } finally {
    clearTimeout(timer)
  }
}
