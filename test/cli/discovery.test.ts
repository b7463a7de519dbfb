// SPDX-License-Identifier: MIT
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { jsonOf, run } from '../support/command.js'
import { SysfsTree } from '../unit/host/sysfs-tree.js'

describe('discovery', () => {
  let tree: SysfsTree
  let sysfs: string
  beforeAll(() => {
    tree = new SysfsTree()
    sysfs = tree.roots.sysfs
    tree.pci('0000:17:00.0', { driver: 'mlx5_core', group: 40 })
    tree.pci('0000:17:00.2', { driver: 'mlx5_vfio_pci', group: 41, vfio: 3 })
    tree.pci('0000:18:00.0', { driver: 'vfio-pci', group: 42, ids: ['0x8086', '0x1572'] })
  })
  afterAll(() => tree.remove())

  it('lists devices, what they can migrate, and why not', async () => {
    const { code, out } = await run(['list', '--sysfs', sysfs])
    expect(code).toBe(0)
    const lines = out.split('\n')
    expect(lines[0]).toMatch(/^DEVICE +IDS +DRIVER +GROUP +NODE +MIGRATION$/)
    expect(lines[2]).toMatch(
      /^0000:17:00\.2 +15b3:101e +mlx5_vfio_pci +41 +\/dev\/vfio\/devices\/vfio3 +v2\? stop-copy,p2p/,
    )
    expect(out).toContain('0000:18:00.0: vfio-pci implements no migration')
    expect(out).not.toContain('\u001b')
  })

  it('lists those that VFIO has, as one JSON object', async () => {
    const finished = await run(['list', '--vfio', '--json', '--sysfs', sysfs])
    expect(finished.code).toBe(0)
    const { ok, devices } = jsonOf(finished) as { ok: boolean; devices: { address: string; vfio: boolean }[] }
    expect(ok).toBe(true)
    expect(devices.map(({ address }) => address)).toEqual(['0000:17:00.2', '0000:18:00.0'])
  })

  it('says what to do where there is nothing', async () => {
    const { code, out } = await run(['list', '--sysfs', tree.root])
    expect(code).toBe(0)
    expect(out).toContain('IOMMU')
  })

  it('inspects one device from sysfs', async () => {
    const { code, out } = await run(['inspect', '17:00.2', '--sysfs', sysfs])
    expect(code).toBe(0)
    expect(out).toMatch(/driver +mlx5_vfio_pci/)
    expect(out).toMatch(/migration +likely, v2: .*devlink/)
    const finished = await run(['inspect', '0000:17:00.2', '--json', '--sysfs', sysfs])
    expect(jsonOf(finished)).toMatchObject({ ok: true, address: '0000:17:00.2', group: { id: 41 } })
  })

  it('of a device that is not there fails', async () => {
    const finished = await run(['inspect', '0000:99:00.0', '--json', '--sysfs', sysfs])
    expect(finished.code).toBe(1)
    expect(jsonOf(finished)).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_NO_SUCH_DEVICE' } })
  })

  it('connects to a vfio-user server only to probe it', async () => {
    const without = await run(['inspect', 'vfio-user:/nowhere/socket', '--json'])
    expect(jsonOf(without)).toMatchObject({ ok: true, kind: 'vfio-user' })
    const probed = await run(['inspect', 'vfio-user:/nowhere/socket', '--probe', '--json'])
    expect(probed.code).toBe(1)
    expect(jsonOf(probed)).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_NO_SUCH_DEVICE' } })
  })

  it('knows a simulated device for what it is, and probes it', async () => {
    expect((await run(['inspect', 'sim:v2'])).out).toContain('simulated')
    for (const protocol of ['v1', 'v2']) {
      const finished = await run(['inspect', `sim:${protocol},state=1MiB`, '--probe', '--json'])
      expect(finished.code).toBe(0)
      expect(jsonOf(finished)).toMatchObject({
        ok: true,
        kind: 'simulated',
        probe: {
          resettable: true,
          regions: expect.arrayContaining([
            expect.objectContaining({ index: 2, name: 'bar2', size: 1048576 }),
          ]),
          migration: { migratable: true, protocol, state: 'running' },
          irqs: expect.any(Array),
          features:
            protocol === 'v2' ? expect.arrayContaining([expect.objectContaining({ name: 'migration' })]) : [],
        },
      })
    }
    expect((await run(['inspect', 'sim:v2', '--probe'])).out).toMatch(/state +running/)
  })
})
