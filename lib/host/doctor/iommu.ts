// SPDX-License-Identifier: MIT
import type { Sysfs } from '../sysfs.js'
import { type Examination, type Finding, finding } from './finding.js'

const why =
  'VFIO hands a device out only behind an IOMMU, which keeps its DMA within the memory that is mapped for it'

/** Whether the IOMMU is on; if not, who switched it off and what switches it on. */
export async function examineIommu({ sysfs }: Examination): Promise<Finding> {
  const groups = await isolatedGroups(sysfs)
  const units = await sysfs.names('class/iommu')
  if (groups > 0) {
    const by = units.length > 0 ? ` (${units.join(', ')})` : ''
    return finding('iommu', 'ok', `the IOMMU is on${by}: ${groups} ${groups === 1 ? 'group' : 'groups'}`)
  }
  const problem = (what: string, bootParameter?: string): Finding =>
    finding('iommu', 'problem', `the IOMMU is off: ${what}`, { why, bootParameter })
  const words = await commandLine(sysfs)
  const intel = await sysfs.exists('firmware/acpi/tables/DMAR')
  const amd = await sysfs.exists('firmware/acpi/tables/IVRS')
  const parameter = intel ? 'intel_iommu=on' : undefined
  const off = words.findLast((word) => switchesOff(word, intel))
  const on = words.findLast((word) => word.startsWith('intel_iommu=') && !switchesOff(word, true))
  if (off !== undefined && (intel || amd) && !(off.startsWith('intel_iommu=') && after(words, on, off))) {
    const instead = intel ? `boot with intel_iommu=on in place of ${off}` : `boot without ${off}`
    return problem(`the kernel's command line says so (${off}); ${instead}`, parameter)
  }
  if (intel && on === undefined) {
    return problem(
      'the firmware describes one (ACPI table DMAR), and this kernel uses it only when told to',
      parameter,
    )
  }
  if (intel || amd) {
    return problem(
      `the firmware describes one (ACPI table ${intel ? 'DMAR' : 'IVRS'}) and the kernel does not use it: its log says why (dmesg | grep -i -e DMAR -e IOMMU -e AMD-Vi), or it was built without a driver for it`,
    )
  }
  if (await sysfs.exists('firmware/acpi/tables')) {
    return problem(
      'the firmware describes none (no ACPI table DMAR or IVRS): switch on VT-d or AMD-Vi in its setup, and in a virtual machine give it one',
    )
  }
  return problem('no device is in a group, and without ACPI tables it cannot be told why')
}

// Groups that the VFIO core makes up (for mdevs, and in noiommu mode) are called vfio-noiommu (drivers/vfio/group.c) and isolate nothing.
async function isolatedGroups(sysfs: Sysfs): Promise<number> {
  let count = 0
  for (const name of await sysfs.names('kernel/iommu_groups')) {
    if ((await sysfs.text('kernel/iommu_groups', name, 'name')) !== 'vfio-noiommu') count += 1
  }
  return count
}

async function commandLine(sysfs: Sysfs): Promise<string[]> {
  return ((await sysfs.procText('cmdline')) ?? '').split(/\s+/)
}

// intel_iommu takes a list (drivers/iommu/intel/iommu.c, intel_iommu_setup); iommu=off is for all of x86 (arch/x86/kernel/pci-dma.c).
function switchesOff(word: string, intel: boolean): boolean {
  const [name, value = ''] = word.split('=', 2)
  const said = value.split(',')
  if (name === 'iommu') return said.includes('off')
  if (name === 'intel_iommu') return intel && said.findLast((one) => one === 'on' || one === 'off') === 'off'
  return name === 'amd_iommu' && !intel && said.includes('off')
}

function after(words: readonly string[], word: string | undefined, other: string): boolean {
  return word !== undefined && words.lastIndexOf(word) > words.lastIndexOf(other)
}
