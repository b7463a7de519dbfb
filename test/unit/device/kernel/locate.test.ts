// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { locateDevice } from '../../../../lib/device/kernel/locate.js'
import { SysfsTree } from '../../host/sysfs-tree.js'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

describe('where a device is found', () => {
  let tree: SysfsTree
  beforeEach(() => {
    tree = new SysfsTree()
  })
  afterEach(() => tree.remove())

  const locate = (name: string, allowNoIommu = false) =>
    locateDevice(name, { spec: name, allowNoIommu, roots: tree.roots })

  it('a PCI function, in full and in domain 0', async () => {
    tree.pci('0000:17:00.2', { driver: 'mlx5_vfio_pci', group: 41, vfio: 3 })
    const expected = { name: '0000:17:00.2', driver: 'mlx5_vfio_pci', group: { id: 41 } }
    expect(await locate('0000:17:00.2')).toMatchObject(expected)
    expect(await locate('17:00.2')).toMatchObject(expected)
    expect(await locate('/dev/vfio/devices/vfio3')).toMatchObject(expected)
  })

  it('an mdev, whose driver is called like its parent', async () => {
    tree.mdev(uuid, 'mtty', 'mtty-2', { driver: 'mtty', group: 7 })
    tree.file('sys/kernel/iommu_groups/7/name', 'vfio-noiommu\n') // what Linux calls the groups of all mdevs
    expect(await locate(uuid)).toMatchObject({ name: uuid, driver: 'mtty', group: { id: 7 } })
  })

  it('says what is wrong with a device that cannot be opened', async () => {
    tree.pci('0000:01:00.0', { driver: 'nvme', group: 1 })
    tree.pci('0000:02:00.0', { group: 2 })
    tree.pci('0000:03:00.0', { driver: 'vfio-pci', vfio: 1 })
    await expect(locate('0000:00:00.1')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_SUCH_DEVICE' })
    await expect(locate('0000:01:00.0')).rejects.toMatchObject({
      code: 'ERR_VFIO_NOT_BOUND',
      message: expect.stringContaining('nvme'),
      device: '0000:01:00.0',
    })
    await expect(locate('0000:02:00.0')).rejects.toMatchObject({
      code: 'ERR_VFIO_NOT_BOUND',
      message: expect.stringContaining('no driver'),
    })
    await expect(locate('0000:03:00.0')).rejects.toMatchObject({
      code: 'ERR_VFIO_NOIOMMU',
      message: expect.stringContaining('no IOMMU group'),
    })
  })

  it('names the siblings that keep a group from being used', async () => {
    tree.pci('0000:00:1f.0', { driver: 'vfio-pci', group: 5, vfio: 0 })
    tree.pci('0000:00:1f.2', { driver: 'ahci', group: 5 })
    await expect(locate('0000:00:1f.0')).rejects.toMatchObject({
      code: 'ERR_VFIO_GROUP_NOT_VIABLE',
      message: expect.stringContaining('0000:00:1f.2 (ahci)'),
    })
  })

  it('refuses a group without an IOMMU, unless allowed', async () => {
    tree.pci('0000:04:00.0', { driver: 'vfio-pci', group: 9, vfio: 0 })
    tree.file('sys/class/vfio/noiommu-9/dev', '511:0\n')
    await expect(locate('0000:04:00.0')).rejects.toMatchObject({ code: 'ERR_VFIO_NOIOMMU' })
    expect(await locate('0000:04:00.0', true)).toMatchObject({ group: { id: 9, noiommu: true } })
  })
})
