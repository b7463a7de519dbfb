// SPDX-License-Identifier: MIT
import { symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  createMdev,
  findDevice,
  listMdevTypes,
  removeMdev,
  setVirtualFunctions,
} from '../../../lib/host/index.js'
import { FakeKernel } from './fake-kernel.js'
import { SysfsTree } from './sysfs-tree.js'

let tree: SysfsTree
let kernel: FakeKernel
beforeEach(() => {
  tree = new SysfsTree()
  kernel = new FakeKernel(tree)
})
afterEach(() => tree.remove())
const options = (): { roots: SysfsTree['roots']; writer: FakeKernel } => ({
  roots: tree.roots,
  writer: kernel,
})

describe('virtual functions', () => {
  const pf = '0000:17:00.0'
  const folder = `bus/pci/devices/${pf}`
  const make = (virtfns: readonly string[] = []): void =>
    tree.pci(pf, { driver: 'mlx5_core', group: 40, totalvfs: 4, virtfns })

  it('are told by the physical one', async () => {
    make()
    expect((await findDevice(pf, tree.roots))?.pci?.sriov).toEqual({ total: 4, enabled: 0, autoprobe: true })
  })

  it('are made with one write, and named', async () => {
    make()
    expect(await setVirtualFunctions(pf, 2, options())).toMatchObject({
      before: 0,
      after: 2,
      functions: ['0000:17:01.0', '0000:17:01.1'],
    })
    expect(kernel.log).toEqual([`${folder}/sriov_numvfs=2`])
  })

  it('are kept from the host’s drivers, and the setting put back', async () => {
    make()
    await setVirtualFunctions(pf, 2, { ...options(), autoprobe: false })
    expect(kernel.log).toEqual([
      `${folder}/sriov_drivers_autoprobe=0`,
      `${folder}/sriov_numvfs=2`,
      `${folder}/sriov_drivers_autoprobe=1`,
    ])
  })

  it('leave that setting as it was when the kernel refuses them', async () => {
    make()
    kernel.failures.set('sriov_numvfs=2', 'ENOSPC')
    await expect(setVirtualFunctions(pf, 2, { ...options(), autoprobe: false })).rejects.toMatchObject({
      code: 'ENOSPC',
      restored: true,
    })
    expect(kernel.log.at(-1)).toBe(`${folder}/sriov_drivers_autoprobe=1`)
  })

  it('are replaced only when that is asked for', async () => {
    make(['0000:17:00.2'])
    await expect(setVirtualFunctions(pf, 2, options())).rejects.toMatchObject({ code: 'ERR_VFIO_IN_USE' })
    expect(kernel.log).toEqual([])
    await setVirtualFunctions(pf, 2, { ...options(), replace: true })
    expect(kernel.log).toEqual([`${folder}/sriov_numvfs=0`, `${folder}/sriov_numvfs=2`])
  })

  it('come back when their successors cannot be made', async () => {
    make(['0000:17:00.2'])
    kernel.failures.set('sriov_numvfs=2', 'ENOMEM')
    await expect(setVirtualFunctions(pf, 2, { ...options(), replace: true })).rejects.toMatchObject({
      restored: true,
    })
    expect((await findDevice(pf, tree.roots))?.pci?.sriov?.enabled).toBe(1)
  })

  it('are removed, unless one is open', async () => {
    make(['0000:17:00.2'])
    tree.pci('0000:17:00.2', { driver: 'vfio-pci', group: 41 })
    tree.file('dev/vfio/41')
    tree.file('proc/77/comm', 'vmm\n')
    tree.file('proc/77/fd/.keep')
    symlinkSync('/dev/vfio/41', join(tree.root, 'proc/77/fd/3'))
    await expect(setVirtualFunctions(pf, 0, options())).rejects.toMatchObject({
      code: 'ERR_VFIO_IN_USE',
      message: expect.stringContaining('process 77 (vmm)'),
    })
    await setVirtualFunctions(pf, 0, { ...options(), force: true })
    expect(kernel.log).toEqual([`${folder}/sriov_numvfs=0`])
  })

  it.each([-1, 5, 1.5, Number.NaN])('cannot be %d', async (count) => {
    make()
    await expect(setVirtualFunctions(pf, count, options())).rejects.toMatchObject({
      code: 'ERR_OUT_OF_RANGE',
      message: expect.stringContaining('0 to 4'),
    })
  })

  it('are refused of a device that has none, and of what is none', async () => {
    tree.pci(pf, { driver: 'nvme', group: 40 })
    await expect(setVirtualFunctions(pf, 1, options())).rejects.toMatchObject({
      code: 'ERR_VFIO_UNSUPPORTED',
    })
    await expect(setVirtualFunctions('0000:99:00.0', 1, options())).rejects.toMatchObject({
      code: 'ERR_VFIO_NO_SUCH_DEVICE',
    })
    await expect(setVirtualFunctions('../x', 1, options())).rejects.toMatchObject({
      code: 'ERR_VFIO_DEVICE_SPEC',
    })
  })
})

describe('mediated devices', () => {
  const uuid = '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001'
  const type = 'sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2'
  beforeEach(() => {
    tree.file(`${type}/name`, 'Dual port serial\n')
    tree.file(`${type}/available_instances`, '12\n')
    tree.file(`${type}/create`)
  })

  it('have types', async () => {
    expect(await listMdevTypes(tree.roots)).toEqual([
      { parent: 'mtty', type: 'mtty-2', name: 'Dual port serial', available: 12 },
    ])
  })

  it('are made under a given or a random UUID', async () => {
    const made = await createMdev('mtty', 'mtty-2', { ...options(), uuid: uuid.toUpperCase() })
    expect(made.device).toBe(uuid)
    expect(kernel.log).toEqual([`class/mdev_bus/mtty/mdev_supported_types/mtty-2/create=${uuid}`])
    const other = await createMdev('mtty', 'mtty-2', { ...options(), dryRun: true })
    expect(other.device).toMatch(/^[0-9a-f]{8}-/)
    expect(other.writes[0]?.value).toBe(other.device)
  })

  it('of a type that is not offered are refused with those that are', async () => {
    for (const [parent, wanted] of [
      ['mtty', 'mtty-9'],
      ['../..', 'mtty-2'],
    ] as const) {
      await expect(createMdev(parent, wanted, options())).rejects.toMatchObject({
        code: 'ERR_VFIO_NO_SUCH_DEVICE',
        message: expect.stringContaining('mtty mtty-2'),
      })
    }
    expect(kernel.log).toEqual([])
  })

  it('are refused when there are no more, when the UUID is taken, and when it is none', async () => {
    await expect(createMdev('mtty', 'mtty-2', { ...options(), uuid: 'x' })).rejects.toMatchObject({
      code: 'ERR_VFIO_DEVICE_SPEC',
    })
    tree.mdev(uuid, 'mtty', 'mtty-2', { driver: 'mtty', group: 9 })
    await expect(createMdev('mtty', 'mtty-2', { ...options(), uuid })).rejects.toMatchObject({
      code: 'ERR_VFIO_IN_USE',
    })
    tree.file(`${type}/available_instances`, '0\n')
    await expect(createMdev('mtty', 'mtty-2', options())).rejects.toMatchObject({ code: 'ERR_VFIO_IN_USE' })
  })

  it('are removed', async () => {
    tree.mdev(uuid, 'mtty', 'mtty-2', { driver: 'mtty', group: 9 })
    await removeMdev(uuid, options())
    expect(kernel.log).toEqual([`bus/mdev/devices/${uuid}/remove=1`])
    await expect(removeMdev('../x', options())).rejects.toMatchObject({ code: 'ERR_VFIO_DEVICE_SPEC' })
    await expect(removeMdev(uuid.replace('8', '9'), options())).rejects.toMatchObject({
      code: 'ERR_VFIO_NO_SUCH_DEVICE',
    })
  })
})
