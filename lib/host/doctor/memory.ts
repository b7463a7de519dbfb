// SPDX-License-Identifier: MIT
import { formatBytes } from '../../quantity.js'
import { type Examination, type Finding, finding, rootCommand } from './finding.js'

// CAP_IPC_LOCK in <linux/capability.h>: whoever has it may lock without a limit.
const ipcLock = 14n

/** What mapping memory for DMA takes: a limit on locked memory that is high enough, and, better, huge pages. */
export async function examineMemory(examination: Examination): Promise<Finding[]> {
  if (!examination.live) return []
  return [await examineMemlock(examination), ...(await examineHugePages(examination))]
}

async function examineMemlock({ sysfs }: Examination): Promise<Finding> {
  const limits = (await sysfs.procText('self/limits')) ?? ''
  const soft = /^Max locked memory\s+(unlimited|[0-9]+)\s/m.exec(limits)?.[1]
  const capabilities = /^CapEff:\s*([0-9a-f]+)$/m.exec((await sysfs.procText('self/status')) ?? '')?.[1]
  const unlimited = capabilities !== undefined && (BigInt(`0x${capabilities}`) >> ipcLock) & 1n
  if (soft === undefined) return finding('memlock', 'note', 'the limit on locked memory cannot be read')
  if (soft === 'unlimited' || unlimited) {
    return finding('memlock', 'ok', 'memory can be mapped for DMA without a limit')
  }
  return finding('memlock', 'note', `this user may map ${formatBytes(Number(soft))} for DMA`, {
    why: 'mapped memory is locked and counts against RLIMIT_MEMLOCK; beyond it mapping fails with ENOMEM. Migration alone maps none',
    // As root even where one is root: without CAP_IPC_LOCK one would not be here.
    command: 'sudo prlimit --memlock=unlimited --pid $$',
  })
}

async function examineHugePages(examination: Examination): Promise<Finding[]> {
  const { sysfs } = examination
  const sizes = (await sysfs.names('kernel/mm/hugepages')).filter((name) => /^hugepages-[0-9]+kB$/.test(name))
  if (sizes.length === 0) return []
  const reserved: string[] = []
  for (const name of sizes) {
    const count = await sysfs.number('kernel/mm/hugepages', name, 'nr_hugepages')
    if (count) reserved.push(`${count} of ${formatBytes(Number.parseInt(name.slice(10), 10) * 1024)}`)
  }
  if (reserved.length > 0)
    return [finding('huge-pages', 'ok', `huge pages are reserved: ${reserved.join(', ')}`)]
  const smallest = sizes.sort(
    (a, b) => Number.parseInt(a.slice(10), 10) - Number.parseInt(b.slice(10), 10),
  )[0]
  return [
    finding('huge-pages', 'note', 'no huge pages are reserved', {
      why: 'large DMA buffers map faster and need fewer IOMMU entries with them; everything works without',
      command: rootCommand(examination, `echo 256 > /sys/kernel/mm/hugepages/${smallest}/nr_hugepages`),
    }),
  ]
}
