// SPDX-License-Identifier: MIT
// The kernel backend through the addon, on mtty: a driver of the kernel's own samples.
import { closeSync, openSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { Container } from '../../lib/device/kernel/container.js'
import { KernelGroup } from '../../lib/device/kernel/group.js'
import { locateDevice } from '../../lib/device/kernel/locate.js'
import { findDevice } from '../../lib/host/index.js'
import { type MigratableDevice, migrate, openDevice } from '../../lib/index.js'
import { requires } from '../support/requirement.js'

const [first = '', second = ''] = (process.env.VFIO_TEST_MTTY ?? '').split(',')

requires(
  'two mtty devices',
  second !== '',
  'VFIO_TEST_MTTY names none; npm run test:kernel makes them',
).describe('a device of the kernel', () => {
  const open: AsyncDisposable[] = []
  const opened = async (spec: string): Promise<MigratableDevice> => {
    const device = await openDevice(spec)
    open.push(device)
    return device
  }
  afterEach(async () => {
    for (const one of open.splice(0).reverse()) await one[Symbol.asyncDispose]()
  })

  it('is opened by its UUID, described, and closed so that it can be opened again', async () => {
    for (let round = 0; round < 3; round++) {
      const device = await openDevice(first)
      expect(device.descriptor).toBeGreaterThan(2)
      expect(await device.info()).toMatchObject({ regions: 9, irqs: 5 })
      const config = await device.region(7)
      expect(await config.readRegister(0, 4)).toBe(0x32534348) // PCI vendor 4348, device 3253, as mtty presents itself
      expect(await device.migrationFlags()).toBe(7n)
      expect(await device.migrationState()).toBe(2)
      await device.close()
    }
  })

  it('shares its group with a second handle, whichever is closed first', async () => {
    const one = await opened(first)
    const other = await opened(first)
    await one.close()
    expect(await other.migrationState()).toBe(2)
    expect((await opened(first)).closed).toBe(false)
  })

  it('is opened by its node', async () => {
    const { cdev } = (await findDevice(first)) ?? {}
    if (cdev === undefined) return expect(cdev).toBeUndefined() // a kernel without device nodes
    expect(await (await opened(cdev)).migrationState()).toBe(2)
  })

  it('can be adopted from its descriptor, which stays its owner’s', async () => {
    const owner = await opened(first)
    const adopted = await opened(`fd:${owner.descriptor}`)
    expect(adopted.descriptor).not.toBe(owner.descriptor)
    await adopted.close()
    expect(await owner.migrationState()).toBe(2)
  })

  it('is not taken for what it is not', async () => {
    const container = await Container.open()
    open.push(container)
    await expect(openDevice(`fd:${container.descriptor}`)).rejects.toMatchObject({
      code: 'ERR_VFIO_NOT_A_DEVICE',
      message: expect.stringContaining('a VFIO container'),
    })
    await expect(openDevice('fd:987')).rejects.toMatchObject({ code: 'ERR_VFIO_NOT_A_DEVICE' })
    await expect(openDevice('00000000-0000-0000-0000-000000000000')).rejects.toMatchObject({
      code: 'ERR_VFIO_NO_SUCH_DEVICE',
    })
  })

  it('hands its group to one process only', async () => {
    const { group } = await locateDevice(first, { spec: first })
    const stolen = openSync(`/dev/vfio/${group.id}`, 'r+')
    try {
      await expect(openDevice(first)).rejects.toMatchObject({
        code: 'ERR_VFIO_IN_USE',
        cause: { code: 'EBUSY' },
      })
    } finally {
      closeSync(stolen)
    }
    await opened(first)
  })

  it('is reached through the kernel’s own nouns', async () => {
    const { group: located, name } = await locateDevice(first, { spec: first })
    const container = await Container.open()
    open.push(container)
    expect(await container.apiVersion()).toBe(0)
    expect(await container.supports(3)).toBe(true)
    expect(container.iommu).toBeUndefined()
    const group = await KernelGroup.open(located.id)
    open.push(group)
    expect(await group.status()).toEqual({ viable: true, containerSet: false })
    await expect(group.device(name, first)).rejects.toMatchObject({ code: 'EINVAL' })
    await group.setContainer(container)
    await container.setIommu(3)
    expect(container.iommu).toBe(3)
    expect(await group.status()).toEqual({ viable: true, containerSet: true })
    await expect(group.device('nobody', first)).rejects.toMatchObject({ code: 'ENODEV' })
    const device = await opened(first)
    await expect(group.unsetContainer()).rejects.toMatchObject({ code: 'EBUSY' })
    await device.close()
    await group.unsetContainer()
    expect(container.iommu).toBeUndefined()
  })

  it('migrates into another', async () => {
    const source = await opened(first)
    const target = await opened(second)
    const saving = await source.setMigrationState(6)
    expect(saving).toBeDefined()
    expect(await saving?.precopyInfo()).toMatchObject({ initialBytes: 24n })
    expect(await source.setMigrationState(3)).toBeUndefined()
    await source.setMigrationState(2)
    await saving?.close()
    await expect(source.setMigrationState(99)).rejects.toMatchObject({ code: 'EINVAL' })
    const loading = await target.setMigrationState(4)
    expect(loading).toBeDefined()
    await target.reset()
    await loading?.close()
    expect(await target.migrationState()).toBe(2)

    await migrate(source, target)
    expect(await target.migrationState()).toBe(2)
    expect(await source.migrationState()).toBe(1)
  })
})
