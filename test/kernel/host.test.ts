// SPDX-License-Identifier: MIT
// Changes of the host on a real sysfs: drivers, virtual functions, mdevs; and devices as others hold them.
import { randomUUID } from 'node:crypto'
import { existsSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import {
  bindDevice,
  bindGroup,
  createMdev,
  type DeviceEvent,
  diagnose,
  findDevice,
  listMdevTypes,
  removeMdev,
  setVirtualFunctions,
  unbindDevice,
  watchDevices,
} from '../../lib/host/index.js'
import { openDevice } from '../../lib/index.js'
import { jsonOf, run } from '../support/command.js'
import { requires } from '../support/requirement.js'
import { hasTestModule } from './support/mdev.js'
import { functionsLike } from './support/pci-function.js'

const [edu = ''] = functionsLike('0x1234', '0x11e8')
const [nvme = ''] = functionsLike('0x1b36', '0x0010')
const [ahci = ''] = functionsLike('0x8086', '0x2922')
const driverOf = async (address: string): Promise<string | undefined> => (await findDevice(address))?.driver

requires(
  'PCI functions under an IOMMU',
  edu !== '' && nvme !== '',
  'run it in the test machine: npm run test:kernel',
).describe('a PCI function', () => {
  const changed = new Set<string>()
  afterEach(async () => {
    for (const address of changed) await unbindDevice(address, { giveBack: true })
    changed.clear()
  })

  it('is bound to vfio-pci, opened, and given back', async () => {
    changed.add(nvme)
    expect(await driverOf(nvme)).toBe('nvme')
    const planned = await bindDevice(nvme, undefined, { dryRun: true })
    expect(planned.writes.map(({ path }) => existsSync(path))).toEqual([true, true, true])
    expect(await driverOf(nvme)).toBe('nvme')
    const done = await bindDevice(nvme)
    expect(done).toMatchObject({ before: 'nvme', after: 'vfio-pci', writes: planned.writes })
    await (await openDevice(nvme)).close()
    expect(await unbindDevice(nvme, { giveBack: true })).toMatchObject({ before: 'vfio-pci', after: 'nvme' })
    expect((await findDevice(nvme))?.driverOverride).toBeUndefined()
  })

  it('has its former driver again when another refuses it', async () => {
    await expect(bindDevice(nvme, 'virtio-pci')).rejects.toMatchObject({
      code: 'ERR_VFIO_HOST_CHANGE',
      restored: true,
    })
    expect(await findDevice(nvme)).toMatchObject({ driver: 'nvme', driverOverride: undefined })
    await expect(bindDevice(edu, 'virtio-pci')).rejects.toMatchObject({
      code: 'ERR_VFIO_HOST_CHANGE',
      restored: true,
    })
    expect(await findDevice(edu)).toMatchObject({ driver: undefined, driverOverride: undefined })
  })

  it('is not taken from whoever has it open', async () => {
    changed.add(edu)
    await bindDevice(edu)
    const device = await openDevice(edu)
    try {
      await expect(unbindDevice(edu)).rejects.toMatchObject({
        code: 'ERR_VFIO_IN_USE',
        message: expect.stringContaining(`process ${process.pid}`),
      })
    } finally {
      await device.close()
    }
    expect(await unbindDevice(edu)).toMatchObject({ before: 'vfio-pci', after: undefined })
  })

  it('is made usable with its whole group, and no more is changed than that takes', async () => {
    const sibling = ahci.replace(/2$/, '3')
    const group = await bindGroup(sibling)
    try {
      expect(group.bound).toEqual([
        { device: sibling, driver: 'vfio-pci' },
        { device: ahci, driver: 'vfio-pci' },
      ])
      expect(await driverOf(ahci.replace(/2$/, '0'))).toBeUndefined()
      await (await openDevice(sibling)).close()
    } finally {
      await unbindDevice(sibling, { giveBack: true })
      await unbindDevice(ahci, { giveBack: true })
    }
    expect(await driverOf(ahci)).toBe('ahci')
  })

  it('gets virtual functions, which VFIO takes, and loses them', async () => {
    expect((await findDevice(nvme))?.pci?.sriov).toEqual({ total: 2, enabled: 0, autoprobe: true })
    await expect(setVirtualFunctions(nvme, 3)).rejects.toMatchObject({ code: 'ERR_OUT_OF_RANGE' })
    const { functions } = await setVirtualFunctions(nvme, 2, { autoprobe: false })
    try {
      expect(functions).toHaveLength(2)
      const [first = ''] = functions
      expect(await findDevice(first)).toMatchObject({ driver: undefined, pci: { physicalFunction: nvme } })
      expect((await findDevice(nvme))?.pci?.sriov).toEqual({ total: 2, enabled: 2, autoprobe: true })
      await bindDevice(first)
      const device = await openDevice(first)
      await expect(setVirtualFunctions(nvme, 0)).rejects.toMatchObject({ code: 'ERR_VFIO_IN_USE' })
      await device.close()
    } finally {
      await setVirtualFunctions(nvme, 0)
    }
    expect((await findDevice(nvme))?.pci?.virtualFunctions).toEqual([])
  })

  it('is bound, probed and given back by the command', async () => {
    expect(jsonOf(await run(['bind', nvme, '--json']))).toMatchObject({
      ok: true,
      before: 'nvme',
      after: 'vfio-pci',
    })
    expect(jsonOf(await run(['inspect', nvme, '--probe', '--json']))).toMatchObject({
      ok: true,
      driver: 'vfio-pci',
      probe: {
        regions: expect.arrayContaining([expect.objectContaining({ name: 'config' })]),
        irqs: expect.arrayContaining([expect.objectContaining({ name: 'msi-x' })]),
        features: expect.any(Array),
        capabilities: expect.arrayContaining([expect.objectContaining({ name: 'msi-x', extended: false })]),
        migration: { migratable: false },
      },
    })
    expect(jsonOf(await run(['unbind', nvme, '--give-back', '--json']))).toMatchObject({
      ok: true,
      after: 'nvme',
    })
  })
})

requires('a parent of mdevs', hasTestModule, 'vfm_test is not loaded; npm run test:kernel loads it').describe(
  'an mdev',
  () => {
    it('is made and removed, of either driver', async () => {
      expect((await listMdevTypes()).map(({ parent }) => parent)).toEqual(
        expect.arrayContaining(['mtty', 'vfm_test']),
      )
      for (const [parent, type] of [
        ['mtty', 'mtty-1'],
        ['vfm_test', 'vfm_test-v2'],
      ] as const) {
        const { device } = await createMdev(parent, type)
        expect(await findDevice(device)).toMatchObject({ kind: 'mdev', vfio: true, mdev: { parent, type } })
        await removeMdev(device)
        expect(await findDevice(device)).toBeUndefined()
      }
    })

    it('is made and removed by the command', async () => {
      const made = await run(['mdev', 'create', 'mtty', 'mtty-1'])
      expect(made.code).toBe(0)
      expect(await run(['mdev', 'remove', made.out.trim()])).toMatchObject({ code: 0 })
      expect(await findDevice(made.out.trim())).toBeUndefined()
    })

    it('that is open is not removed, or only when it is closed', async () => {
      const { device } = await createMdev('vfm_test', 'vfm_test-v2')
      const opened = await openDevice(device)
      await expect(removeMdev(device)).rejects.toMatchObject({ code: 'ERR_VFIO_IN_USE' })
      await expect(
        removeMdev(device, { force: true, signal: AbortSignal.timeout(6000) }),
      ).rejects.toMatchObject({
        name: 'AbortError',
        restored: false,
        pending: { value: '1' },
      })
      await opened.close()
      const gone = async (): Promise<boolean> => (await findDevice(device)) === undefined
      for (let tries = 0; tries < 100 && !(await gone()); tries += 1) await sleep(100)
      expect(await gone()).toBe(true)
    })

    it('is seen to come and go by the events of /dev/vfio, long before the interval is over', async () => {
      const uuid = randomUUID()
      const stop = new AbortController()
      const events: DeviceEvent[] = []
      const watched = (async () => {
        for await (const event of watchDevices({ signal: stop.signal, interval: 3_600_000 }))
          events.push(event)
      })().catch((error: unknown) => error)
      const heard = async (type: DeviceEvent['type']): Promise<boolean> => {
        for (let tries = 0; tries < 200; tries += 1) {
          if (events.some((event) => event.type === type && event.device.address === uuid)) return true
          await sleep(50)
        }
        return false
      }
      await sleep(3000) // the first look
      await createMdev('mtty', 'mtty-1', { uuid })
      expect(await heard('added')).toBe(true)
      await removeMdev(uuid)
      expect(await heard('removed')).toBe(true)
      stop.abort()
      expect(await watched).toMatchObject({ name: 'AbortError' })
    })
  },
)

describe('a device that another process holds', () => {
  const [mtty = ''] = (process.env.VFIO_TEST_MTTY ?? '').split(',')
  requires('an mtty device', mtty !== '', 'VFIO_TEST_MTTY names none; npm run test:kernel makes them').it(
    'is seen in the state it is in, and is not opened for that',
    async () => {
      await using device = await openDevice(mtty)
      const migration = await device.migration()
      await migration.transition('stop')
      const seen = jsonOf(await run(['inspect', mtty, '--json']))
      expect(seen).toMatchObject({ migration: { migratable: 'yes', protocol: 'v2', state: 'stop' } })
      const { findings } = await diagnose({ device: mtty })
      expect(findings.find(({ id }) => id === 'in-use')?.what).toContain(`process ${process.pid}`)
    },
  )
})
