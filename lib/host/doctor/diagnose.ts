// SPDX-License-Identifier: MIT
import { constants } from 'node:fs'
import { access } from 'node:fs/promises'
import { VfioError } from '../../errors/index.js'
import { type HostDevice, listDevices, lookUpDevice } from '../list.js'
import { isBridge } from '../pci-device.js'
import { type HostRoots, Sysfs } from '../sysfs.js'
import { examineAccess } from './access.js'
import { examineDriver } from './driver.js'
import { type Examination, type Finding, finding } from './finding.js'
import { examineGroup } from './group.js'
import { examineIommu } from './iommu.js'
import { examineKernel } from './kernel.js'
import { examineMemory } from './memory.js'
import { examineMigration } from './migration.js'

export interface DiagnoseOptions {
  /** PCI address, mdev UUID, node or sysfs name. Default: the host, and every device that a VFIO driver has. */
  readonly device?: string
  readonly roots?: HostRoots
  /** For whom the commands are: anybody but root gets them with `sudo`. Default: the user of this process. */
  readonly uid?: number
  /** @internal Whether a node may be opened. */
  readonly mayOpen?: (path: string) => Promise<boolean>
}

export interface Diagnosis {
  /** No finding is a problem. */
  readonly ok: boolean
  readonly findings: readonly Finding[]
}

/**
 * What stands between this host and a device that can be opened and migrated: each finding with the command that mends it. Reads sysfs,
 * debugfs, `/proc` and the kernel's list of modules. **Opens no device.** Of a copied host ({@link copiedRoots}) it says what the copy holds
 * and nothing about processes, limits and permissions.
 * @throws {VfioError} `ERR_VFIO_NO_SUCH_DEVICE`
 */
export async function diagnose(options: DiagnoseOptions = {}): Promise<Diagnosis> {
  const { roots = {}, uid = process.getuid?.() } = options
  const sysfs = new Sysfs(roots)
  const examination: Examination = {
    sysfs,
    live: sysfs.proc === '/proc' || options.mayOpen !== undefined,
    uid,
    mayOpen: options.mayOpen ?? mayOpen,
  }
  const devices = await examined(options.device, roots)
  const iommu = await examineIommu(examination)
  const findings = [...(await examineKernel(examination)), iommu, ...(await examineMemory(examination))]
  for (const device of devices) {
    findings.push(...(await examineDevice(examination, device, iommu.severity === 'ok')))
  }
  return { ok: findings.every(({ severity }) => severity !== 'problem'), findings }
}

async function examined(device: string | undefined, roots: HostRoots): Promise<HostDevice[]> {
  if (device === undefined) return (await listDevices(roots)).filter(({ vfio }) => vfio)
  const found = await lookUpDevice(device, roots)
  if (found === undefined) {
    throw new VfioError('ERR_VFIO_NO_SUCH_DEVICE', `this host has no device ${device}`, { device })
  }
  return [found]
}

async function examineDevice(
  examination: Examination,
  device: HostDevice,
  iommuIsOn: boolean,
): Promise<Finding[]> {
  const { address, pci } = device
  if (pci !== undefined && isBridge(pci)) {
    return [
      finding('driver', 'problem', `${address} is a bridge`, {
        device: address,
        why: 'VFIO takes no bridges: the devices behind it are what it can have',
      }),
    ]
  }
  const driver = await examineDriver(examination, device)
  return [
    // Without an IOMMU no VFIO driver takes it: that command would fail.
    iommuIsOn || driver.severity !== 'problem'
      ? driver
      : { ...driver, command: undefined, why: 'no VFIO driver takes a device while the IOMMU is off' },
    ...(await examineGroup(examination, device, iommuIsOn)),
    ...(await examineAccess(examination, device)),
    ...(await examineMigration(examination, device)),
  ]
}

async function mayOpen(path: string): Promise<boolean> {
  try {
    await access(path, constants.R_OK | constants.W_OK)
    return true
  } catch {
    return false
  }
}
