// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { findDevice, listDevices, parseAddress } from '../../../lib/host/index.js'
import { SysfsTree } from './sysfs-tree.js'

const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'

describe('the devices of a host', () => {
  let tree: SysfsTree
  beforeEach(() => {
    tree = new SysfsTree()
  })
  afterEach(() => tree.remove())

  it('are none where sysfs has none', async () => {
    expect(await listDevices(tree.roots)).toEqual([])
  })

  it('come with ids, driver, group, siblings, nodes and functions', async () => {
    tree.pci('0000:17:00.0', { driver: 'mlx5_core', group: 40, virtfns: ['0000:17:00.2'] })
    tree.pci('0000:17:00.2', { driver: 'mlx5_vfio_pci', group: 41, physfn: '0000:17:00.0', vfio: 3 })
    tree.file('dev/vfio/41')
    const [pf, vf] = await listDevices(tree.roots)
    expect(pf).toMatchObject({
      address: '0000:17:00.0',
      kind: 'pci',
      driver: 'mlx5_core',
      vfio: false,
      cdev: undefined,
      pci: { vendorId: 0x15b3, deviceId: 0x101e, classCode: 0x020000, virtualFunctions: ['0000:17:00.2'] },
      group: { id: 40, node: undefined, blockers: ['0000:17:00.0'] },
      migration: { migratable: 'no', reason: expect.stringContaining('mlx5_core') },
    })
    expect(vf).toMatchObject({
      driver: 'mlx5_vfio_pci',
      vfio: true,
      cdev: '/dev/vfio/devices/vfio3',
      pci: { physicalFunction: '0000:17:00.0' },
      group: { id: 41, node: '/dev/vfio/41', siblings: [], blockers: [], noiommu: false },
      migration: {
        migratable: 'likely',
        protocol: 'v2',
        features: ['stop-copy', 'p2p', 'pre-copy', 'dirty-tracking'],
        reason: expect.stringContaining('devlink'),
      },
    })
  })

  it('leave out bridges, which are siblings all the same and block nobody', async () => {
    tree.pci('0000:00:01.0', { driver: 'pcieport', group: 2, class: '0x060400' })
    tree.pci('0000:01:00.0', { driver: 'vfio-pci', group: 2 })
    const devices = await listDevices(tree.roots)
    expect(devices.map(({ address }) => address)).toEqual(['0000:01:00.0'])
    expect(devices[0]?.group).toMatchObject({
      siblings: [{ address: '0000:00:01.0', driver: 'pcieport' }],
      blockers: [],
    })
  })

  it('name the sibling whose driver keeps a group from being used', async () => {
    tree.pci('0000:00:1f.0', { group: 7 })
    tree.pci('0000:00:1f.2', { driver: 'ahci', group: 7 })
    tree.pci('0000:00:1f.3', { driver: 'vfio-pci', group: 7 })
    const device = await findDevice('00:1f.3', tree.roots)
    expect(device?.group?.blockers).toEqual(['0000:00:1f.2'])
    expect(device?.migration).toMatchObject({ migratable: 'no', reason: expect.stringContaining('vfio-pci') })
  })

  it('without a group and without VFIO are nobody’s business here', async () => {
    tree.pci('0000:00:02.0', { driver: 'i915' })
    expect(await listDevices(tree.roots)).toEqual([])
    expect(await findDevice('0000:00:02.0', tree.roots)).toBeUndefined()
  })

  it('include mdevs, judged by the driver of their parent', async () => {
    tree.mdev(uuid, 'mtty', 'mtty-2', { driver: 'mtty', group: 9, vfio: 0 })
    const device = await findDevice(uuid.toUpperCase(), tree.roots)
    expect(device).toMatchObject({
      kind: 'mdev',
      vfio: true,
      cdev: '/dev/vfio/devices/vfio0',
      mdev: { type: 'mtty-2', parent: 'mtty', parentDriver: 'mtty' },
      group: { id: 9, blockers: [] },
      migration: { migratable: 'likely', protocol: 'v2' },
    })
  })

  it('are found by their own node', async () => {
    tree.pci('0000:17:00.2', { driver: 'vfio-pci', group: 41, vfio: 12 })
    expect(await findDevice('/dev/vfio/devices/vfio12', tree.roots)).toMatchObject({
      address: '0000:17:00.2',
    })
    expect(await findDevice('/dev/vfio/devices/vfio1', tree.roots)).toBeUndefined()
  })

  it('believe debugfs above the table of drivers', async () => {
    tree.pci('0000:17:00.2', { driver: 'mlx5_vfio_pci', group: 41 })
    tree.file('debug/vfio/0000:17:00.2/migration/state', 'PRE_COPY_P2P\n')
    tree.file('debug/vfio/0000:17:00.2/migration/features', 'stop-copy\npre-copy\n')
    tree.pci('0000:17:00.3', { driver: 'mlx5_vfio_pci', group: 42 })
    tree.file('debug/vfio/0000:17:00.3/features')
    const [yes, no] = await listDevices(tree.roots)
    expect(yes?.migration).toMatchObject({
      migratable: 'yes',
      state: 'pre-copy-p2p',
      features: ['stop-copy', 'pre-copy'],
    })
    expect(no?.migration).toMatchObject({ migratable: 'no', reason: expect.stringContaining('devlink') })
  })

  it('of a driver newer than this release are not guessed at', async () => {
    tree.pci('0000:17:00.2', { driver: 'acme_vfio_pci', group: 41 })
    expect((await listDevices(tree.roots))[0]?.migration).toMatchObject({
      migratable: 'unknown',
      protocol: undefined,
      reason: expect.stringContaining('acme_vfio_pci'),
    })
  })

  it('show a group without an IOMMU for what it is', async () => {
    tree.pci('0000:17:00.2', { driver: 'vfio-pci', group: 0 })
    tree.file('sys/kernel/iommu_groups/0/name', 'vfio-noiommu\n')
    tree.file('dev/vfio/noiommu-0')
    expect((await listDevices(tree.roots))[0]?.group).toMatchObject({
      noiommu: true,
      node: '/dev/vfio/noiommu-0',
    })
  })

  it('survive attributes that make no sense', async () => {
    tree.pci('0000:17:00.2', { driver: 'vfio-pci', group: 4, ids: ['zebra', '0x1'] })
    tree.file('sys/bus/pci/devices/..hidden/vendor', '0x1')
    const devices = await listDevices(tree.roots)
    expect(devices).toHaveLength(1)
    expect(devices[0]?.pci).toBeUndefined()
  })

  it('are listed from the table where debugfs cannot be read', async () => {
    tree.pci('0000:17:00.2', { driver: 'mlx5_vfio_pci', group: 41 })
    tree.file('debug', 'not a folder')
    expect((await listDevices(tree.roots))[0]?.migration.migratable).toBe('likely')
  })
})

describe('an address', () => {
  it.each([
    ['0000:17:00.2', { kind: 'pci', name: '0000:17:00.2' }],
    ['17:1F.7', { kind: 'pci', name: '0000:17:1f.7' }],
    ['10000:e1:00.0', { kind: 'pci', name: '10000:e1:00.0' }],
    [uuid.toUpperCase(), { kind: 'mdev', name: uuid }],
    ['/dev/vfio/devices/vfio10', { kind: 'cdev', name: 'vfio10' }],
  ])('%s is understood', (text, address) => {
    expect(parseAddress(text)).toEqual(address)
  })

  it.each([
    '',
    '0000:17:00.8',
    '0000:17:20.0',
    '000:17:00.0',
    '0000:17:00.0 ',
    '0000:17:00.0\n',
    '../0000:17:00.0',
    '0000:17:00',
    `${uuid}0`,
    uuid.slice(1),
    '/dev/vfio/devices/vfio01',
    '/dev/vfio/devices/../vfio0',
    '/dev/vfio/41',
  ])('%j is none', (text) => {
    expect(parseAddress(text)).toBeUndefined()
  })

  it('never leads out of sysfs', async () => {
    const tree = new SysfsTree()
    try {
      tree.file('sys/secret/vendor', '0x1')
      for (const text of ['../../secret', '..', '.', '', '/sys']) {
        expect(await findDevice(text, tree.roots)).toBeUndefined()
      }
    } finally {
      tree.remove()
    }
  })
})
