// SPDX-License-Identifier: MIT

import { hasModule, isLoadable } from '../kernel-modules.js'
import { shellCommand } from '../shell-quote.js'
import { type Examination, type Finding, finding, rootCommand } from './finding.js'

/** VFIO in the kernel: its core, the general PCI driver, the two ways to map memory, and whether protection is switched off. */
export async function examineKernel(examination: Examination): Promise<Finding[]> {
  const { sysfs } = examination
  const core =
    (await sysfs.exists('class/vfio')) ||
    (await sysfs.exists('class/vfio-dev')) ||
    (await hasModule(sysfs, 'vfio'))
  const pci = await sysfs.exists('bus/pci/drivers/vfio-pci')
  const type1 = await hasModule(sysfs, 'vfio_iommu_type1')
  const iommufd = (await sysfs.exists('class/misc/iommu')) || (await hasModule(sysfs, 'iommufd'))
  return [
    core
      ? finding('kernel-vfio', 'ok', 'the kernel has VFIO')
      : await missing(
          examination,
          'kernel-vfio',
          'problem',
          'VFIO is not there',
          'vfio-pci',
          'nothing works without it',
        ),
    pci
      ? finding('driver-vfio-pci', 'ok', 'vfio-pci is there')
      : await missing(
          examination,
          'driver-vfio-pci',
          'note',
          'vfio-pci is not there',
          'vfio-pci',
          'it takes every PCI device that has no VFIO driver of its own',
        ),
    type1
      ? finding('type1', 'ok', 'containers can map memory (vfio_iommu_type1)')
      : await missing(
          examination,
          'type1',
          iommufd ? 'note' : 'problem',
          'vfio_iommu_type1 is not there',
          'vfio_iommu_type1',
          'a group can be opened only in a container that has an IOMMU driver',
        ),
    iommufd
      ? finding('iommufd', 'ok', 'iommufd is there')
      : await missing(
          examination,
          'iommufd',
          'note',
          'iommufd is not there',
          'iommufd',
          'devices are opened through their groups then; only iommufd lets the IOMMU track dirty pages (Linux 6.6)',
        ),
    ...(await examineNoIommuMode(examination)),
  ]
}

async function missing(
  examination: Examination,
  id: string,
  severity: Finding['severity'],
  what: string,
  module: string,
  why: string,
): Promise<Finding> {
  const loadable = await isLoadable(examination.sysfs, module)
  if (loadable === false) {
    return finding(
      id,
      severity,
      `${what}, and this kernel has no module ${module}: it takes another kernel`,
      { why },
    )
  }
  return finding(id, severity, what, {
    why,
    command: rootCommand(examination, shellCommand('modprobe', module)),
  })
}

async function examineNoIommuMode(examination: Examination): Promise<Finding[]> {
  const path = 'module/vfio/parameters/enable_unsafe_noiommu_mode'
  if ((await examination.sysfs.text(path)) !== 'Y') return []
  return [
    finding('noiommu-mode', 'note', 'VFIO hands out devices without an IOMMU (enable_unsafe_noiommu_mode)', {
      why: 'such a device can read and write all of the memory; this package refuses them unless told by name',
      command: rootCommand(examination, `echo N > /sys/${path}`),
    }),
  ]
}
