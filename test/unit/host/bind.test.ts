// SPDX-License-Identifier: MIT
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { bindDevice, bindGroup, findDevice, unbindDevice } from '../../../lib/host/index.js'
import { FakeKernel } from './fake-kernel.js'
import { SysfsTree } from './sysfs-tree.js'

const address = '0000:17:00.2'
const device = `bus/pci/devices/${address}`

let tree: SysfsTree
let kernel: FakeKernel
beforeEach(() => {
  tree = new SysfsTree()
  kernel = new FakeKernel(tree)
  tree.driver('vfio-pci')
})
afterEach(() => tree.remove())

const options = (): { roots: SysfsTree['roots']; writer: FakeKernel } => ({
  roots: tree.roots,
  writer: kernel,
})
const driverOf = async (name = address): Promise<string | undefined> =>
  (await findDevice(name, tree.roots))?.driver

describe('binding a device', () => {
  it('writes override, unbind and probe, in this order', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    const change = await bindDevice('17:00.2', 'vfio-pci', options())
    expect(kernel.log).toEqual([
      `${device}/driver_override=vfio-pci`,
      `bus/pci/drivers/nvme/unbind=${address}`,
      `bus/pci/drivers_probe=${address}`,
    ])
    expect(change).toMatchObject({ device: address, dryRun: false, before: 'nvme', after: 'vfio-pci' })
    expect(await driverOf()).toBe('vfio-pci')
  })

  it('writes nothing in a dry run, and lists exactly what it would', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    const planned = await bindDevice(address, undefined, { ...options(), dryRun: true })
    expect(kernel.log).toEqual([])
    const done = await bindDevice(address, undefined, options())
    expect(planned.writes).toEqual(done.writes)
    expect(
      planned.writes.map(({ path, value }) => `${path.slice(tree.roots.sysfs.length + 1)}=${value}`),
    ).toEqual(kernel.log)
    expect(planned).toMatchObject({ dryRun: true, before: 'nvme', after: 'vfio-pci' })
  })

  it('of a device without a driver unbinds nothing', async () => {
    tree.pci(address, { group: 4 })
    await bindDevice(address, undefined, options())
    expect(kernel.log).toHaveLength(2)
    expect(await driverOf()).toBe('vfio-pci')
  })

  it('that has the driver already changes nothing', async () => {
    tree.pci(address, { driver: 'vfio-pci', group: 4 })
    expect((await bindDevice(address, 'vfio_pci', options())).writes).toEqual([])
    expect(kernel.log).toEqual([])
  })

  it('chooses the driver that is made for it, under the name it has', async () => {
    tree.pci(address, {
      driver: 'mlx5_core',
      group: 4,
      modalias: 'pci:v000015B3d0000101Esv000015B3sd00000001bc02sc00i00',
    })
    tree.file(
      'lib/modules/6.12.0/modules.alias',
      'alias vfio_pci:v*d*sv*sd*bc*sc*i* vfio_pci\nalias vfio_pci:v000015B3d0000101Esv*sd*bc*sc*i* mlx5_vfio_pci\n',
    )
    tree.driver('mlx5-vfio-pci')
    expect((await bindDevice(address, undefined, options())).after).toBe('mlx5-vfio-pci')
  })

  it('names the module to load where the driver is missing, and loads nothing', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    await expect(bindDevice(address, 'acme_vfio_pci', options())).rejects.toMatchObject({
      code: 'ERR_VFIO_NO_SUCH_DRIVER',
      message: expect.stringContaining('modprobe acme_vfio_pci'),
    })
    expect(kernel.log).toEqual([])
  })

  it.each(['../../evil', '.', 'a/b', ''])('is not led astray by a driver called %j', async (driver) => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    await expect(bindDevice(address, driver, options())).rejects.toMatchObject({
      code: 'ERR_VFIO_NO_SUCH_DRIVER',
    })
  })

  it('puts the former driver back when the new one refuses the device', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    kernel.usual.set(address, 'nvme')
    kernel.refusing.add('vfio-pci')
    const error = await bindDevice(address, 'vfio-pci', options()).catch((caught: unknown) => caught)
    expect(error).toMatchObject({
      code: 'ERR_VFIO_HOST_CHANGE',
      device: address,
      restored: true,
      message: expect.stringContaining('dmesg'),
    })
    expect(await driverOf()).toBe('nvme')
    expect((await findDevice(address, tree.roots))?.driverOverride).toBeUndefined()
  })

  it('puts an override back that was there before', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    tree.file(`sys/devices/pci0000:00/${address}/driver_override`, 'nvme\n')
    kernel.refusing.add('vfio-pci')
    await expect(bindDevice(address, 'vfio-pci', options())).rejects.toMatchObject({ restored: true })
    expect(await findDevice(address, tree.roots)).toMatchObject({ driver: 'nvme', driverOverride: 'nvme' })
  })

  it('says what could not be put back', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    kernel.refusing.add('vfio-pci')
    kernel.failures.set('driver_override=\n', 'EIO')
    await expect(bindDevice(address, 'vfio-pci', options())).rejects.toMatchObject({
      restored: false,
      message: expect.stringContaining('NOT everything'),
    })
  })

  it('stops at the first write that fails, with the kernel’s errno', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    kernel.failures.set('driver_override=vfio-pci', 'EACCES')
    await expect(bindDevice(address, 'vfio-pci', options())).rejects.toMatchObject({
      code: 'ERR_VFIO_PERMISSION',
      done: [],
      restored: true,
      message: expect.stringContaining('nothing was changed'),
    })
    expect(kernel.log).toHaveLength(1)
  })

  it('is given up when the signal fires between two writes, and put back', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    kernel.usual.set(address, 'nvme')
    const controller = new AbortController()
    kernel.onWrite = (write) => {
      if (write.includes('unbind')) controller.abort()
    }
    await expect(
      bindDevice(address, 'vfio-pci', { ...options(), signal: controller.signal }),
    ).rejects.toMatchObject({ restored: true })
    expect(await driverOf()).toBe('nvme')
  })

  it('is refused while a disk of the device is mounted, unless forced', async () => {
    tree.pci(address, { driver: 'nvme', group: 4 })
    tree.link('sys/class/block/nvme0n1', `sys/devices/pci0000:00/${address}/nvme/nvme0/nvme0n1`)
    tree.file(`sys/devices/pci0000:00/${address}/nvme/nvme0/nvme0n1/dev`, '259:0\n')
    tree.file('proc/self/mountinfo', '22 1 259:0 / / rw - ext4 /dev/nvme0n1 rw\n')
    await expect(bindDevice(address, 'vfio-pci', options())).rejects.toMatchObject({
      code: 'ERR_VFIO_IN_USE',
      message: expect.stringContaining('nvme0n1'),
    })
    await bindDevice(address, 'vfio-pci', { ...options(), force: true })
    expect(await driverOf()).toBe('vfio-pci')
  })

  it('takes no mdev', async () => {
    const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
    tree.mdev(uuid, 'mtty', 'mtty-2', { driver: 'mtty', group: 9 })
    await expect(bindDevice(uuid, 'vfio-pci', options())).rejects.toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
    })
  })

  it('of no device fails', async () => {
    await expect(bindDevice('0000:99:00.0', 'vfio-pci', options())).rejects.toMatchObject({
      code: 'ERR_VFIO_NO_SUCH_DEVICE',
    })
  })
})

describe('unbinding a device', () => {
  it('leaves it without a driver', async () => {
    tree.pci(address, { driver: 'ahci', group: 4 })
    expect(await unbindDevice(address, options())).toMatchObject({ before: 'ahci', after: undefined })
    expect(kernel.log).toEqual([`bus/pci/drivers/ahci/unbind=${address}`])
  })

  it('gives it back to the driver that the kernel chooses', async () => {
    tree.pci(address, { driver: 'vfio-pci', group: 4 })
    tree.file(`sys/devices/pci0000:00/${address}/driver_override`, 'vfio-pci\n')
    tree.driver('nvme')
    kernel.usual.set(address, 'nvme')
    expect(await unbindDevice(address, { ...options(), giveBack: true })).toMatchObject({
      before: 'vfio-pci',
      after: 'nvme',
    })
    expect(kernel.log).toEqual([
      `${device}/driver_override=\n`,
      `bus/pci/drivers/vfio-pci/unbind=${address}`,
      `bus/pci/drivers_probe=${address}`,
    ])
  })

  it('is refused while a process has it open, which it names', async () => {
    tree.pci(address, { driver: 'vfio-pci', group: 41, vfio: 3 })
    tree.file('dev/vfio/41')
    tree.file('proc/1234/comm', 'qemu-system-x86\n')
    tree.file('proc/1234/fd/.keep')
    symlinkSync('/dev/vfio/41', join(tree.root, 'proc/1234/fd/17'))
    await expect(unbindDevice(address, options())).rejects.toMatchObject({
      code: 'ERR_VFIO_IN_USE',
      message: expect.stringContaining('process 1234 (qemu-system-x86) has /dev/vfio/41'),
    })
    expect(kernel.log).toEqual([])
  })

  it('of a device without a driver changes nothing', async () => {
    tree.pci(address, { group: 4 })
    expect((await unbindDevice(address, options())).writes).toEqual([])
  })
})

describe('making a group usable', () => {
  beforeEach(() => {
    tree.pci('0000:00:1f.0', { group: 7 })
    tree.pci('0000:00:1f.2', { driver: 'ahci', group: 7 })
    tree.pci('0000:00:1f.3', { group: 7 })
    tree.pci('0000:00:1f.4', { driver: 'pcieport', group: 7, class: '0x060400' })
    kernel.usual.set('0000:00:1f.2', 'ahci')
  })

  it('binds the device and what blocks it, and nothing else', async () => {
    const change = await bindGroup('00:1f.3', undefined, options())
    expect(change).toMatchObject({
      group: 7,
      bound: [
        { device: '0000:00:1f.3', driver: 'vfio-pci' },
        { device: '0000:00:1f.2', driver: 'vfio-pci' },
      ],
    })
    expect((await findDevice('0000:00:1f.3', tree.roots))?.group?.blockers).toEqual([])
    expect(await driverOf('0000:00:1f.0')).toBeUndefined()
  })

  it('gives every device its driver back when one fails', async () => {
    kernel.failures.set('drivers/ahci/unbind', 'EIO')
    await expect(bindGroup('00:1f.3', undefined, options())).rejects.toMatchObject({
      code: 'EIO',
      restored: true,
    })
    expect(await driverOf('0000:00:1f.2')).toBe('ahci')
    expect(await driverOf('0000:00:1f.3')).toBeUndefined()
    for (const name of ['0000:00:1f.2', '0000:00:1f.3']) {
      expect((await findDevice(name, tree.roots))?.driverOverride).toBeUndefined()
    }
  })
})
