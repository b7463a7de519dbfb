// SPDX-License-Identifier: MIT
import { join } from 'node:path'
import { holdersOf, holdersText } from '../holders.js'
import type { HostDevice } from '../list.js'
import { asRoot, shellCommand } from '../shell-quote.js'
import { type Examination, type Finding, finding } from './finding.js'

/** Whether this user may open the device's nodes, and whether somebody has them open. Opens nothing. */
export async function examineAccess(examination: Examination, device: HostDevice): Promise<Finding[]> {
  const { sysfs, live } = examination
  const { address, group, cdev, vfio } = device
  if (!live || !vfio) return []
  const findings: Finding[] = []
  if (group?.node === undefined && cdev === undefined) {
    findings.push(
      finding('node', 'problem', `${address} has no node below /dev/vfio`, {
        device: address,
        why: 'devtmpfs or udev makes it; in a container it has to be passed in',
      }),
    )
  }
  const nodes = [group?.node, cdev].filter((node) => node !== undefined)
  if (group?.node !== undefined && (await sysfs.nodeExists('vfio/vfio'))) nodes.unshift('/dev/vfio/vfio')
  const closed: string[] = []
  for (const node of nodes) {
    if (!(await examination.mayOpen(join(sysfs.dev, node.slice('/dev/'.length))))) closed.push(node)
  }
  if (closed.length > 0) findings.push(noPermission(examination, address, closed))
  else if (nodes.length > 0) {
    findings.push(finding('node', 'ok', `this user may open ${nodes.join(', ')}`, { device: address }))
  }
  const holders = await holdersOf(sysfs, [group?.node, cdev])
  if (holders.length > 0) {
    findings.push(
      finding('in-use', 'note', `${address} or its group is open: ${holdersText(holders)}`, {
        device: address,
        why: 'a group is opened by one process at a time, and the device keeps its state while that one holds it',
      }),
    )
  }
  return findings
}

function noPermission({ uid }: Examination, address: string, closed: readonly string[]): Finding {
  return finding('node', 'problem', `this user may not open ${closed.join(', ')}`, {
    device: address,
    why: 'udev sets the owner when the node is made; a rule makes it last: SUBSYSTEM=="vfio", GROUP="vfio", MODE="0660"',
    command: asRoot(shellCommand('chown', `${uid ?? 0}`, ...closed), uid),
  })
}
