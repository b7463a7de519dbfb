// SPDX-License-Identifier: MIT
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type DiagnoseOptions, diagnose, type Finding } from '../../../lib/host/index.js'
import { SysfsTree } from './sysfs-tree.js'

const address = '0000:17:00.2'
let tree: SysfsTree

beforeEach(() => {
  tree = new SysfsTree()
  tree.driver('vfio-pci')
  tree.file('sys/class/vfio/.keep')
  tree.file('sys/module/vfio_iommu_type1/refcnt', '0\n')
  tree.file('sys/class/misc/iommu/dev', '10:126\n')
})
afterEach(() => tree.remove())

async function findings(device?: string, more: Partial<DiagnoseOptions> = {}): Promise<readonly Finding[]> {
  const options = { roots: tree.roots, uid: 0, mayOpen: async () => true, ...more }
  return (await diagnose(device === undefined ? options : { ...options, device })).findings
}
const found = async (id: string, device?: string, more: Partial<DiagnoseOptions> = {}): Promise<Finding[]> =>
  (await findings(device, more)).filter((finding) => finding.id === id)

describe('the doctor on a sound host', () => {
  it('finds no problem', async () => {
    tree.pci(address, { driver: 'vfio-pci', group: 41, vfio: 3 })
    tree.file('dev/vfio/41')
    const diagnosis = await diagnose({
      roots: tree.roots,
      device: address,
      uid: 0,
      mayOpen: async () => true,
    })
    expect(diagnosis.findings.filter(({ severity }) => severity === 'problem')).toEqual([])
    expect(diagnosis.ok).toBe(true)
  })

  it('looks at every device that VFIO has when none is named, and at no other', async () => {
    tree.pci(address, { driver: 'vfio-pci', group: 41 })
    tree.pci('0000:18:00.0', { driver: 'nvme', group: 42 })
    const devices = (await findings()).map(({ device }) => device).filter((device) => device !== undefined)
    expect(new Set(devices)).toEqual(new Set([address]))
  })

  it('of another machine says nothing about this one', async () => {
    tree.pci(address, { driver: 'vfio-pci', group: 41 })
    const { findings: seen } = await diagnose({ roots: tree.roots, device: address })
    const ids = seen.map(({ id }) => id)
    for (const id of ['memlock', 'huge-pages', 'node', 'in-use']) expect(ids).not.toContain(id)
  })

  it('knows no device that is not there', async () => {
    await expect(findings('0000:99:00.0')).rejects.toMatchObject({ code: 'ERR_VFIO_NO_SUCH_DEVICE' })
  })
})

describe('the IOMMU', () => {
  const off = async (cmdline: string, ...tables: string[]): Promise<Finding | undefined> => {
    tree.file('proc/cmdline', `${cmdline}\n`)
    for (const table of ['FACP', ...tables]) tree.file(`sys/firmware/acpi/tables/${table}`)
    return (await found('iommu'))[0]
  }

  it('is on where there are groups', async () => {
    tree.pci(address, { group: 41 })
    tree.link('sys/class/iommu/dmar0', 'sys/devices/virtual/iommu/dmar0')
    expect((await found('iommu'))[0]).toMatchObject({
      severity: 'ok',
      what: expect.stringContaining('dmar0'),
    })
  })

  it('is not on because VFIO made groups up for mdevs', async () => {
    tree.mdev('83b8f4f2-509f-382f-3c1e-e6bfe0fa1001', 'mtty', 'mtty-2', { driver: 'mtty', group: 0 })
    tree.file('sys/kernel/iommu_groups/0/name', 'vfio-noiommu\n')
    expect((await found('iommu'))[0]).toMatchObject({ severity: 'problem' })
  })

  it.each([
    ['root=/dev/sda1 intel_iommu=off quiet', 'intel_iommu=off'],
    ['intel_iommu=on intel_iommu=sm_on,off', 'intel_iommu=sm_on,off'],
    ['iommu=off intel_iommu=on', 'iommu=off'],
  ])('switched off by %s is switched on by a boot parameter in place of that', async (cmdline, word) => {
    expect(await off(cmdline, 'DMAR')).toMatchObject({
      severity: 'problem',
      what: expect.stringContaining(`in place of ${word}`),
      bootParameter: 'intel_iommu=on',
      command: undefined,
    })
  })

  it('of Intel that nobody switched on is switched on', async () => {
    expect(await off('quiet', 'DMAR')).toMatchObject({
      what: expect.stringContaining('only when told to'),
      bootParameter: 'intel_iommu=on',
    })
  })

  it('of AMD is on unless it was switched off', async () => {
    expect(await off('amd_iommu=off', 'IVRS')).toMatchObject({
      what: expect.stringContaining('boot without amd_iommu=off'),
      bootParameter: undefined,
    })
  })

  it('that is on and yet not there is a matter for the kernel log', async () => {
    const finding = await off('intel_iommu=off intel_iommu=on', 'DMAR')
    expect(finding).toMatchObject({ what: expect.stringContaining('dmesg'), bootParameter: undefined })
  })

  it('that the firmware does not describe is a matter for its setup', async () => {
    expect((await off('intel_iommu=on'))?.what).toContain('VT-d')
  })

  it('that is off is the one thing to mend: no command that would fail is given', async () => {
    tree.pci(address, { driver: 'nvme' })
    const seen = await findings(address)
    expect(seen.filter(({ severity }) => severity === 'problem').map(({ id }) => id)).toEqual([
      'iommu',
      'driver',
    ])
    expect(seen.find(({ id }) => id === 'driver')?.command).toBeUndefined()
  })
})

describe('the kernel', () => {
  it('without VFIO gets it by modprobe', async () => {
    tree.drop('sys/bus/pci/drivers/vfio-pci')
    tree.drop('sys/class/vfio')
    expect(await found('kernel-vfio')).toMatchObject([{ severity: 'problem', command: 'modprobe vfio-pci' }])
    expect(await found('kernel-vfio', undefined, { uid: 1000 })).toMatchObject([
      { command: "sudo sh -c 'modprobe vfio-pci'" },
    ])
  })

  it('that has no such module has to be another', async () => {
    tree.drop('sys/class/misc')
    tree.file('lib/modules/6.12.0/modules.dep', 'kernel/drivers/vfio/vfio.ko:\n')
    expect(await found('iommufd')).toMatchObject([
      { severity: 'note', what: expect.stringContaining('another kernel'), command: undefined },
    ])
  })

  it('in noiommu mode is warned of', async () => {
    tree.file('sys/module/vfio/parameters/enable_unsafe_noiommu_mode', 'Y\n')
    expect(await found('noiommu-mode')).toMatchObject([
      { severity: 'note', command: 'echo N > /sys/module/vfio/parameters/enable_unsafe_noiommu_mode' },
    ])
  })
})

describe('limits', () => {
  const limits = (soft: string, capabilities: string): void => {
    tree.file(
      'proc/self/limits',
      `Max locked memory         ${soft}              ${soft}              bytes     \n`,
    )
    tree.file('proc/self/status', `CapEff:\t${capabilities}\n`)
  }

  it('on locked memory are told, with what lifts them', async () => {
    limits('8388608', '0000000000000000')
    expect(await found('memlock')).toMatchObject([
      {
        severity: 'note',
        what: expect.stringContaining('8 MiB'),
        command: expect.stringContaining('prlimit'),
      },
    ])
  })

  it.each([
    ['unlimited', '0000000000000000'],
    ['8388608', '000001ffffffffff'],
  ])('of %s with capabilities %s are none', async (soft, capabilities) => {
    limits(soft, capabilities)
    expect(await found('memlock')).toMatchObject([{ severity: 'ok' }])
  })

  it('on huge pages are those that were reserved', async () => {
    tree.file('sys/kernel/mm/hugepages/hugepages-1048576kB/nr_hugepages', '0\n')
    tree.file('sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '0\n')
    expect(await found('huge-pages')).toMatchObject([
      { severity: 'note', command: 'echo 256 > /sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages' },
    ])
    tree.file('sys/kernel/mm/hugepages/hugepages-2048kB/nr_hugepages', '64\n')
    expect(await found('huge-pages')).toMatchObject([
      { severity: 'ok', what: expect.stringContaining('64 of 2 MiB') },
    ])
  })
})

describe('the driver', () => {
  it('of the host is changed for vfio-pci by three writes', async () => {
    tree.pci(address, { driver: 'nvme', group: 41 })
    expect(await found('driver', address)).toMatchObject([
      {
        severity: 'problem',
        device: address,
        command: `echo vfio-pci > /sys/bus/pci/devices/${address}/driver_override && echo ${address} > /sys/bus/pci/drivers/nvme/unbind && echo ${address} > /sys/bus/pci/drivers_probe`,
      },
    ])
  })

  it('made for the device is preferred, and its module loaded first', async () => {
    tree.file(
      'lib/modules/6.12.0/modules.alias',
      'alias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n',
    )
    tree.file('lib/modules/6.12.0/modules.dep', 'kernel/mlx5-vfio-pci.ko:\n')
    tree.pci(address, { driver: 'vfio-pci', group: 41, modalias: 'pci:v000015B3d0000101Esv0sd0bc02sc00i00' })
    const [finding] = await found('variant-driver', address)
    expect(finding).toMatchObject({ severity: 'problem', what: expect.stringContaining('mlx5_vfio_pci') })
    expect(finding?.command).toMatch(/^modprobe mlx5_vfio_pci && echo mlx5_vfio_pci > /)
  })

  it('whose device carries a mounted disk is not taken away by a command', async () => {
    tree.pci(address, { driver: 'nvme', group: 41 })
    tree.link('sys/class/block/nvme0n1', `sys/devices/pci0000:00/${address}/nvme/nvme0/nvme0n1`)
    tree.file(`sys/devices/pci0000:00/${address}/nvme/nvme0/nvme0n1/nvme0n1p2/dev`, '259:2\n')
    tree.link('sys/class/block/nvme0n1p2', `sys/devices/pci0000:00/${address}/nvme/nvme0/nvme0n1/nvme0n1p2`)
    tree.file('proc/self/mountinfo', '22 1 259:2 / / rw - ext4 /dev/nvme0n1p2 rw\n')
    expect(await found('driver', address)).toMatchObject([
      { command: undefined, why: expect.stringContaining('nvme0n1p2') },
    ])
  })

  it('whose device is a network interface is taken away with a warning', async () => {
    tree.pci(address, { driver: 'mlx5_core', group: 41 })
    tree.file(`sys/devices/pci0000:00/${address}/net/eth7/mtu`, '1500\n')
    tree.link('sys/class/net/eth7', `sys/devices/pci0000:00/${address}/net/eth7`)
    expect(await found('driver', address)).toMatchObject([{ why: expect.stringContaining('eth7') }])
  })

  it('of a bridge is not asked for', async () => {
    tree.pci('0000:00:01.0', { driver: 'pcieport', group: 2, class: '0x060400' })
    expect(await found('driver', '0000:00:01.0')).toMatchObject([{ what: expect.stringContaining('bridge') }])
  })
})

describe('the group', () => {
  it('that a sibling spoils is freed by unbinding the sibling', async () => {
    tree.pci('0000:00:1f.0', { group: 7 })
    tree.pci('0000:00:1f.2', { driver: 'ahci', group: 7 })
    tree.pci('0000:00:1f.3', { driver: 'vfio-pci', group: 7 })
    expect(await found('group-viable', '00:1f.3')).toMatchObject([
      {
        severity: 'problem',
        what: expect.stringMatching(/ahci has 0000:00:1f\.2$/),
        command: 'echo 0000:00:1f.2 > /sys/bus/pci/drivers/ahci/unbind',
      },
    ])
  })

  it('is named quoted, however the driver is called', async () => {
    tree.pci('0000:00:1f.2', { driver: "it's; reboot #", group: 7 })
    tree.pci('0000:00:1f.3', { driver: 'vfio-pci', group: 7 })
    expect((await found('group-viable', '00:1f.3'))[0]?.command).toBe(
      "echo 0000:00:1f.2 > '/sys/bus/pci/drivers/it'\\''s; reboot #/unbind'",
    )
  })

  it('is missed where the IOMMU is on and does not cover the device', async () => {
    tree.pci('0000:00:02.0', { group: 1 })
    tree.pci(address, { driver: 'nvme' })
    expect(await found('group', address)).toMatchObject([{ severity: 'problem' }])
  })
})

describe('access', () => {
  beforeEach(() => {
    tree.pci(address, { driver: 'vfio-pci', group: 41, vfio: 3 })
    tree.file('dev/vfio/41')
  })

  it('is given to the user who lacks it', async () => {
    const mayOpen = async (path: string): Promise<boolean> => !path.endsWith('/41')
    expect(await found('node', address, { uid: 1000, mayOpen })).toMatchObject([
      {
        severity: 'problem',
        what: 'this user may not open /dev/vfio/41',
        command: "sudo sh -c 'chown 1000 /dev/vfio/41'",
      },
    ])
  })

  it('of others is told', async () => {
    tree.file('proc/77/comm', 'vmm\n')
    tree.file('proc/77/fd/.keep')
    symlinkSync('/dev/vfio/devices/vfio3', join(tree.root, 'proc/77/fd/3'))
    expect(await found('in-use', address)).toMatchObject([
      { what: expect.stringContaining('process 77 (vmm)') },
    ])
  })
})

describe('migration', () => {
  it('is known from debugfs, with the state the device is in', async () => {
    tree.pci(address, { driver: 'mlx5_vfio_pci', group: 41 })
    tree.file(`debug/vfio/${address}/migration/state`, 'PRE_COPY\n')
    expect(await found('migration', address)).toMatchObject([
      { severity: 'ok', what: expect.stringContaining('in pre-copy') },
    ])
    expect(await found('dirty-tracking', address)).toMatchObject([{ severity: 'ok' }])
  })

  it('that only the device itself can tell is asked for with a probe', async () => {
    tree.pci(address, { driver: 'acme_vfio_pci', group: 41 })
    expect(await found('migration', address)).toMatchObject([
      { command: `vfio-migrate doctor --probe ${address}` },
    ])
  })

  it('finds the dirty pages by the IOMMU where that can', async () => {
    tree.pci(address, { driver: 'vfio-pci', group: 41 })
    tree.link(`sys/devices/pci0000:00/${address}/iommu`, 'sys/devices/virtual/iommu/dmar0')
    tree.file('sys/devices/virtual/iommu/dmar0/intel-iommu/ecap', '0\n')
    expect(await found('dirty-tracking', address)).toMatchObject([{ severity: 'note' }])
    tree.file('sys/devices/virtual/iommu/dmar0/intel-iommu/ecap', '1280000000000\n')
    expect(await found('dirty-tracking', address)).toMatchObject([
      { severity: 'ok', what: expect.stringContaining('iommufd') },
    ])
  })

  it('of an mlx5 function is a matter of devlink, by the name of its representor', async () => {
    const physical = '0000:17:00.0'
    tree.pci(physical, { driver: 'mlx5_core', group: 40, virtfns: [address] })
    tree.pci(address, { driver: 'mlx5_vfio_pci', group: 41, physfn: physical })
    expect(await found('devlink-migratable', address)).toMatchObject([
      { command: `devlink dev eswitch set pci/${physical} mode switchdev` },
    ])
    tree.file(`sys/devices/pci0000:00/${physical}/net/eth0;x/phys_port_name`, 'pf0vf0\n')
    expect(await found('devlink-migratable', address)).toMatchObject([
      {
        what: expect.stringContaining("devlink port show 'eth0;x'"),
        command: `echo ${address} > /sys/bus/pci/devices/${address}/driver/unbind && devlink port function set 'eth0;x' migratable enable`,
      },
    ])
  })

  it('is that of virtual functions, of which a physical one can make some', async () => {
    tree.pci(address, { driver: 'mlx5_core', group: 41, totalvfs: 8 })
    expect(await found('virtual-functions', address)).toMatchObject([
      { command: `echo 1 > /sys/bus/pci/devices/${address}/sriov_numvfs` },
    ])
  })
})
