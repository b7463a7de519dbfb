// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { featureId } from '../../../lib/index.js'
import { PciConfig } from '../../../lib/pci/index.js'
import type { Backend } from './backend.js'

/** What every PCI device shows of itself, and when its memory may be touched. */
export function pciContract(backend: Backend): void {
  it('shows itself in configuration space', async () => {
    await using device = await backend.open()
    const config = await PciConfig.of(device)
    const header = await config.header()
    expect(header.type).toBe(0)
    expect([0, 0xffff]).not.toContain(header.vendorId)
    expect(await config.command()).toMatchObject({ busMaster: expect.any(Boolean) })
    for (const bar of await config.bars()) {
      const region = await device.region(bar.index)
      expect(region).toMatchObject({ kind: `bar${bar.index}`, size: bar.size })
    }
    expect(await device.region(7)).toMatchObject({ kind: 'config', size: BigInt(config.size) })
  })

  it('has lists of capabilities that end, with what they name where they say', async () => {
    await using device = await backend.open()
    const config = await PciConfig.of(device)
    for (const { id, offset } of await config.capabilities()) {
      expect(await config.read(offset, 1)).toBe(id)
    }
    for (const { id, offset } of await config.extendedCapabilities()) {
      expect(await config.read(offset, 2)).toBe(id)
    }
    for (const size of [config.size, config.size + 4]) {
      await expect(config.read(size, 4)).rejects.toMatchObject({ code: 'ERR_VFIO_NO_SUCH_REGION' })
    }
  })

  it.each(['stop', 'stop-copy', 'resuming'] as const)(
    'is left alone in %s, but for its configuration',
    async (state) => {
      await using device = await backend.open()
      const migration = await device.migration()
      const bar = await device.region(0)
      const config = await PciConfig.of(device)
      await migration.transition(state)
      const forbidden = { code: 'ERR_VFIO_REGION_FORBIDDEN', message: expect.stringContaining(state) }
      await expect(bar.readRegister(0, 1)).rejects.toMatchObject(forbidden)
      await expect(bar.writeRegister(0, 1, 0)).rejects.toMatchObject(forbidden)
      await expect(bar.read(0, 4)).rejects.toMatchObject(forbidden)
      await expect(bar.write(0, new Uint8Array(4))).rejects.toMatchObject(forbidden)
      await expect(bar.map(0, bar.size)).rejects.toMatchObject(forbidden)
      // A strict vfio-user server answers for no region but the migration's while a save has the device stopped.
      if (state !== 'stop-copy' || backend.stoppedAccess === undefined) {
        expect((await config.header()).type).toBe(0)
        await config.setCommand({ intxDisable: true })
      }
      await device.reset()
      await bar.read(0, 1).catch((error: unknown) => expect(error).not.toMatchObject(forbidden))
    },
  )

  it('is touched again once it runs', async () => {
    await using device = await backend.open()
    const migration = await device.migration()
    const bar = await device.region(0)
    await migration.transition('stop')
    await expect(bar.readRegister(0, 4)).rejects.toMatchObject({ code: 'ERR_VFIO_REGION_FORBIDDEN' })
    await migration.transition('running')
    await bar.readRegister(0, 4)
  })

  it('keeps its command register over a reset', async () => {
    await using device = await backend.open()
    const config = await PciConfig.of(device)
    await config.setCommand({ intxDisable: true })
    const before = await config.command()
    await device.reset()
    expect(await config.command()).toEqual(before)
  })

  it('says which features it has', async () => {
    await using device = await backend.open()
    const features = new Map((await device.features()).map((feature) => [feature.id, feature]))
    const v2 = backend.protocol === 'v2'
    expect(features.get(featureId.migration)).toMatchObject({ get: v2, set: false })
    expect(features.get(featureId.migrationState)).toMatchObject({ get: v2, set: v2 })
    expect(features.get(featureId.vfToken)).toMatchObject({ get: false, set: false })
    expect(await device.probeFeature(0xfffe)).toEqual({ get: false, set: false })
    expect(await (await device.migration()).state()).toBe('running')
  })
}
