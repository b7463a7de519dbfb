// SPDX-License-Identifier: MIT

import type { HostDevice } from '../list.js'
import { shellCommand } from '../shell-quote.js'
import type { Sysfs } from '../sysfs.js'
import { type Examination, type Finding, finding, rootCommand } from './finding.js'

const mellanox = 0x15b3

/**
 * Virtual functions of mlx5 migrate only when their port function is `migratable`, a devlink attribute that no file shows and that must be set
 * while no driver has the function (drivers/net/ethernet/mellanox/mlx5/core/eswitch.c). The port is named after its representor.
 */
export async function examineDevlink(examination: Examination, device: HostDevice): Promise<Finding[]> {
  const { address, pci, driver } = device
  const physical = pci?.physicalFunction
  if (pci?.vendorId !== mellanox || physical === undefined) return []
  const what = `${address} migrates only if devlink says that it is migratable`
  const port = await representor(examination.sysfs, physical, address)
  if (port === undefined) {
    return [
      finding(
        'devlink-migratable',
        'note',
        `${what}; its port is visible once ${physical} is in switchdev mode`,
        {
          device: address,
          why: 'changing the mode interrupts the network of the physical function; have no driver on its virtual functions meanwhile',
          command: rootCommand(
            examination,
            shellCommand('devlink', 'dev', 'eswitch', 'set', `pci/${physical}`, 'mode', 'switchdev'),
          ),
        },
      ),
    ]
  }
  const show = shellCommand('devlink', 'port', 'show', port)
  const set = shellCommand('devlink', 'port', 'function', 'set', port, 'migratable', 'enable')
  const free = driver === undefined ? [] : [`echo ${address} > /sys/bus/pci/devices/${address}/driver/unbind`]
  return [
    finding('devlink-migratable', 'note', `${what}; to see whether it is: ${show}`, {
      device: address,
      why: `it can be set only while no driver has the function; bind ${address} again afterwards`,
      command: rootCommand(examination, ...free, set),
    }),
  ]
}

// The network interface of the physical function that stands for the virtual one: phys_port_name is pfNvfM (net/core/net-sysfs.c).
async function representor(sysfs: Sysfs, physical: string, address: string): Promise<string | undefined> {
  const folder = ['bus/pci/devices', physical] as const
  let index: string | undefined
  for (const name of await sysfs.names(...folder)) {
    const number = /^virtfn([0-9]{1,5})$/.exec(name)?.[1]
    if (number !== undefined && (await sysfs.linkName(...folder, name)) === address) index = number
  }
  if (index === undefined) return undefined
  for (const name of await sysfs.names(...folder, 'net')) {
    const port = await sysfs.text(...folder, 'net', name, 'phys_port_name')
    if (port !== undefined && /^(?:c[0-9]+)?pf[0-9]+vf([0-9]+)$/.exec(port)?.[1] === index) return name
  }
  return undefined
}
