// SPDX-License-Identifier: MIT
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import {
  captureWiring,
  loadFromFile,
  type MigratableDevice,
  migrate,
  openDevice,
  restoreWiring,
  saveToFile,
  type Wiring,
} from '../../../lib/index.js'
import { decodeSection, encodeSection, wiringSection } from '../../../lib/stream/section.js'

const on: Wiring['command'] = {
  io: false,
  memory: true,
  busMaster: true,
  parityErrorResponse: false,
  systemErrors: false,
  intxDisable: false,
}

describe('wiring', () => {
  const open: MigratableDevice[] = []
  const device = async (spec = 'sim:v2,state=64KiB'): Promise<MigratableDevice> => {
    const opened = await openDevice(spec)
    open.push(opened)
    return opened
  }
  const command = async (of: MigratableDevice): Promise<number> => (await of.region(7)).readRegister(4, 2)
  const wired = async (spec?: string): Promise<MigratableDevice> => {
    const source = await device(spec)
    await (await source.region(7)).writeRegister(4, 2, 0x6)
    const msix = await source.interrupts('msi-x')
    await msix.enable(3)
    return source
  }
  afterEach(async () => {
    for (const one of open.splice(0)) await one.close()
  })

  it('is the command register and the vectors in use', async () => {
    expect(await captureWiring(await wired())).toEqual({
      command: on,
      interrupts: { kind: 'msi-x', vectors: [0, 1, 2] },
    })
    expect(await captureWiring(await device())).toEqual({
      command: { ...on, memory: false, busMaster: false },
    })
  })

  it('is restored with a signal to every vector, and the device interrupts again', async () => {
    const target = await device()
    await restoreWiring(target, { command: on, interrupts: { kind: 'msi', vectors: [1, 2] } })
    expect(await command(target)).toBe(0x6)
    const msi = await target.interrupts('msi')
    expect(await msi.vector(2).wait()).toBe(1)
    await (await target.region(0)).writeRegister(0x48, 4, 0x1_0002)
    expect(await msi.vector(2).wait()).toBe(1)
  })

  it('leaves bus mastering off where its owner maps memory later', async () => {
    const target = await device()
    await restoreWiring(target, { command: on }, { busMaster: false })
    expect(await command(target)).toBe(0x2)
  })

  it('leaves interrupts to an owner who has enabled some', async () => {
    const target = await device()
    const msi = await target.interrupts('msi')
    await msi.enable(1)
    await restoreWiring(target, { command: on, interrupts: { kind: 'msi-x', vectors: [0] } })
    expect(target.enabledInterrupts).toEqual([{ kind: 'msi', vectors: [0] }])
    expect(await msi.vector(0).wait()).toBe(1)
  })

  it('refuses a device with fewer vectors, and leaves it alone', async () => {
    const target = await device()
    const wiring: Wiring = { command: on, interrupts: { kind: 'msi', vectors: [4] } }
    await expect(restoreWiring(target, wiring)).rejects.toMatchObject({ code: 'ERR_VFIO_INCOMPATIBLE' })
    expect(await command(target)).toBe(0)
  })

  it.each(['sim:v1,state=64KiB', 'sim:v2,state=64KiB'])('goes with a migration of %s', async (spec) => {
    const source = await wired(spec)
    const target = await device(spec)
    await migrate(source, target)
    expect(await captureWiring(target)).toEqual(await captureWiring(source))
    expect(await (await target.interrupts('msi-x')).vector(1).wait()).toBe(1)
    const plain = await device(spec)
    await migrate(target, plain, { wiring: false })
    expect(await command(plain)).toBe(0)
  })

  it('goes with a file, unless either side leaves it out', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'vfio-migration-'))
    try {
      const [carried, bare] = [join(folder, 'carried'), join(folder, 'bare')]
      const source = await wired()
      await saveToFile(source, carried)
      await source.reset()
      await saveToFile(source, bare, { wiring: false })

      const target = await device()
      await loadFromFile(target, carried, { wiring: false })
      await loadFromFile(target, bare)
      expect(await command(target)).toBe(0)
      await loadFromFile(target, carried)
      expect(await captureWiring(target)).toEqual(await captureWiring(source))
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  it('is read back as it was written', () => {
    const section = wiringSection({ command: on, interrupts: { kind: 'intx', vectors: [0] } })
    expect(decodeSection(encodeSection(section))).toEqual(section)
  })

  it.each([
    undefined,
    {},
    { command: { ...on, busMaster: 1 } },
    { command: on, interrupts: { kind: 'nmi', vectors: [0] } },
    { command: on, interrupts: { kind: 'msi', vectors: [] } },
    { command: on, interrupts: { kind: 'msi', vectors: [2048] } },
    { command: on, interrupts: { kind: 'msi', vectors: [-1] } },
  ])('is not believed when it says %j', (wiring) => {
    const payload = Buffer.from(JSON.stringify({ kind: 'wiring', device: 0, optional: true, wiring }))
    expect(() => decodeSection(payload)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_MALFORMED' }))
  })
})
