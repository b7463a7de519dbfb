// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findDevice } from '../../../lib/host/index.js'
import { hasModule, isLoadable, modulesFor, vfioAliases } from '../../../lib/host/kernel-modules.js'
import { Sysfs } from '../../../lib/host/sysfs.js'
import { SysfsTree } from './sysfs-tree.js'

const connectx = 'pci:v000015B3d0000101Esv000015B3sd00000001bc02sc00i00'
const generic = { pattern: 'vfio_pci:v*d*sv*sd*bc*sc*i*', module: 'vfio_pci' }
const mlx5 = { pattern: 'vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i*', module: 'mlx5_vfio_pci' }

describe('the modules of a kernel', () => {
  let tree: SysfsTree
  let sysfs: Sysfs
  beforeEach(() => {
    tree = new SysfsTree()
    sysfs = new Sysfs(tree.roots)
  })
  afterEach(() => tree.remove())

  it('declare for which devices VFIO drivers are, loadable or built in', async () => {
    tree.file(
      'lib/modules/6.12.0/modules.alias',
      [
        '# Aliases extracted from modules themselves.',
        'alias pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_core',
        `alias ${generic.pattern} vfio_pci`,
        'alias vfio_pci:broken',
        'alias devname:vfio/vfio vfio',
      ].join('\n'),
    )
    tree.file(
      'lib/modules/6.12.0/modules.builtin.modinfo',
      `mlx5_vfio_pci.license=GPL\0mlx5_vfio_pci.alias=${mlx5.pattern}\0vfio.alias=devname:vfio/vfio\0`,
    )
    expect(await vfioAliases(sysfs)).toEqual([generic, mlx5])
  })

  it('declare nothing where their folder is missing', async () => {
    expect(await vfioAliases(sysfs)).toEqual([])
    expect(await isLoadable(sysfs, 'vfio-pci')).toBeUndefined()
  })

  it('match devices by their modalias', () => {
    expect(modulesFor(connectx, [generic, mlx5])).toEqual(['vfio_pci', 'mlx5_vfio_pci'])
    expect(modulesFor(connectx.replace('101E', '101F'), [generic, mlx5])).toEqual(['vfio_pci'])
    expect(modulesFor('of:NethernetT(null)Cacme', [generic])).toEqual([])
  })

  it('match by stars and question marks, and not by accident', () => {
    const match = (pattern: string, text: string): boolean =>
      modulesFor(`pci:${text}`, [{ pattern: `vfio_pci:${pattern}`, module: 'm' }]).length > 0
    expect(match('v*d?x*', 'v1dAxyz')).toBe(true)
    expect(match('*ab*ab', 'aabab')).toBe(true)
    expect(match('*ab*abc', 'aabab')).toBe(false)
    expect(match('v1', 'v1d2')).toBe(false)
    expect(match(`${'*a'.repeat(40)}b`, 'a'.repeat(2000))).toBe(false)
  })

  it('are there or can be loaded, with dashes or underscores', async () => {
    tree.file('sys/module/vfio_pci/refcnt', '0\n')
    tree.file('lib/modules/6.12.0/modules.builtin', 'kernel/drivers/iommu/iommufd/iommufd.ko\n')
    tree.file(
      'lib/modules/6.12.0/modules.dep',
      'kernel/drivers/vfio/pci/mlx5/mlx5-vfio-pci.ko.xz: kernel/drivers/vfio/vfio.ko.xz\n',
    )
    expect(await hasModule(sysfs, 'vfio-pci')).toBe(true)
    expect(await hasModule(sysfs, 'iommufd')).toBe(true)
    expect(await hasModule(sysfs, 'mlx5_vfio_pci')).toBe(false)
    expect(await isLoadable(sysfs, 'mlx5_vfio_pci')).toBe(true)
    expect(await isLoadable(sysfs, 'vfio')).toBe(false)
  })

  it('are named with the device that they are for', async () => {
    tree.file('lib/modules/6.12.0/modules.alias', `alias ${mlx5.pattern} mlx5_vfio_pci\n`)
    tree.driver('vfio-pci')
    tree.pci('0000:17:00.2', { driver: 'mlx5_core', group: 41, modalias: connectx })
    tree.pci('0000:18:00.0', { driver: 'nvme', group: 42, modalias: 'pci:v00008086d00000001sv*' })
    expect((await findDevice('17:00.2', tree.roots))?.vfioDriver).toEqual({
      driver: 'mlx5_vfio_pci',
      module: 'mlx5_vfio_pci',
      loaded: false,
      variant: true,
    })
    expect((await findDevice('18:00.0', tree.roots))?.vfioDriver).toEqual({
      driver: 'vfio-pci',
      module: 'vfio_pci',
      loaded: true,
      variant: false,
    })
  })
})
