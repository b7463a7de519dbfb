// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VfioError } from '../../../lib/index.js'
import { readBars } from '../../../lib/pci/bars.js'
import { readExpress } from '../../../lib/pci/express.js'
import { changeCommand, readCommand, readHeader, readStatus } from '../../../lib/pci/header.js'
import { readMsi, readMsix } from '../../../lib/pci/msi.js'
import { readPowerManagement } from '../../../lib/pci/power.js'
import { readSriov } from '../../../lib/pci/sriov.js'
import { FakeConfig } from './fake-config.js'

const at = (offset: number) => ({ id: 0, name: 'capability', offset, version: 1 })

describe('the header', () => {
  it('says who and what the function is', async () => {
    const config = FakeConfig.of(
      256,
      [0x00, 4, 0x101515b3],
      [0x08, 4, 0x02000185],
      [0x0e, 1, 0x80],
      [0x2c, 4, 0x0007ffee],
      [0x3c, 2, 0x010b],
    )
    expect(await readHeader(config)).toEqual({
      vendorId: 0x15b3,
      deviceId: 0x1015,
      revision: 0x85,
      class: { base: 2, sub: 0, interface: 1 },
      type: 0,
      multiFunction: true,
      subsystem: { vendorId: 0xffee, deviceId: 7 },
      interruptLine: 0x0b,
      interruptPin: 1,
    })
    config.put(0x0e, 1, 1)
    expect(await readHeader(config)).toMatchObject({ type: 1, subsystem: undefined, multiFunction: false })
  })

  it('changes only those bits of the command register that were asked for', async () => {
    const config = FakeConfig.of(256, [0x04, 2, 0x8142])
    expect(await readCommand(config)).toEqual({
      io: false,
      memory: true,
      busMaster: false,
      parityErrorResponse: true,
      systemErrors: true,
      intxDisable: false,
    })
    await changeCommand(config, { busMaster: true, intxDisable: true, systemErrors: false })
    expect(await config.read(4, 2)).toBe(0x8446)
  })

  it('does not write the command register when nothing changes', async () => {
    const config = FakeConfig.of(256, [0x04, 2, 0x0006])
    config.write = async () => {
      throw new Error('written')
    }
    await changeCommand(config, { memory: true, busMaster: true })
  })

  it('tells what went wrong on the bus', async () => {
    const status = await readStatus(FakeConfig.of(256, [0x06, 2, 0x2018]))
    expect(status).toMatchObject({ interruptPending: true, capabilities: true })
    expect(status.errors).toMatchObject({ receivedMasterAbort: true, detectedParity: false })
  })
})

describe('BARs', () => {
  const sizes =
    (...all: number[]) =>
    async (index: number) =>
      BigInt(all[index] ?? 0)

  it('of either space and width, with the sizes of their regions', async () => {
    const config = FakeConfig.of(
      256,
      [0x10, 4, 0xfe000000],
      [0x14, 4, 0x0000c001],
      [0x18, 4, 0xe000000c],
      [0x1c, 4, 0x00000012],
    )
    expect(await readBars(config, 0, sizes(4096, 32, 1 << 20))).toEqual([
      { index: 0, space: 'memory', bits: 32, prefetchable: false, size: 4096n, address: 0xfe000000n },
      { index: 1, space: 'io', bits: 32, prefetchable: false, size: 32n, address: 0xc000n },
      { index: 2, space: 'memory', bits: 64, prefetchable: true, size: 1n << 20n, address: 0x12e0000000n },
    ])
  })

  it('are six on an endpoint, two on a bridge, none elsewhere', async () => {
    const config = FakeConfig.of(256)
    const any = async () => 16n
    expect(await readBars(config, 0, any)).toHaveLength(6)
    expect(await readBars(config, 1, any)).toHaveLength(2)
    expect(await readBars(config, 2, any)).toEqual([])
  })

  it('do not reach past the last register', async () => {
    const config = FakeConfig.of(256, [0x24, 4, 0x4])
    expect((await readBars(config, 0, async () => 16n)).at(-1)).toMatchObject({ index: 5, bits: 32 })
  })
})

describe('capabilities', () => {
  it('MSI with 64 bits and masks', async () => {
    const config = FakeConfig.of(256, [0x50, 4, 0x01a70005], [0x60, 4, 0x5], [0x64, 4, 0x2])
    expect(await readMsi(config, at(0x50))).toEqual({
      offset: 0x50,
      enabled: true,
      vectors: 8,
      vectorsEnabled: 4,
      address64: true,
      mask: 5,
      pending: 2,
    })
  })

  it('MSI of the simplest kind', async () => {
    expect(await readMsi(FakeConfig.of(256), at(0x50))).toMatchObject({
      enabled: false,
      vectors: 1,
      mask: undefined,
      pending: undefined,
    })
  })

  it('MSI-X', async () => {
    const config = FakeConfig.of(256, [0x70, 4, 0xc0400011], [0x74, 4, 0x2004], [0x78, 4, 0x3003])
    expect(await readMsix(config, at(0x70))).toEqual({
      offset: 0x70,
      enabled: true,
      masked: true,
      vectors: 65,
      table: { bar: 4, offset: 0x2000, size: 65 * 16 },
      pending: { bar: 3, offset: 0x3000, size: 16 },
    })
  })

  it('power management', async () => {
    const config = FakeConfig.of(256, [0x40, 4, 0x02030001], [0x44, 4, 0x010b])
    expect(await readPowerManagement(config, at(0x40))).toEqual({
      offset: 0x40,
      version: 3,
      states: ['D0', 'D1', 'D3hot'],
      state: 'D3hot',
      noSoftReset: true,
      pmeEnabled: true,
    })
  })

  it('PCI Express', async () => {
    const config = FakeConfig.of(
      256,
      [0x80, 4, 0x00020010],
      [0x84, 4, 0x10000001],
      [0x88, 2, 0x0020],
      [0x8c, 4, 0x00000104],
      [0x92, 2, 0x0083],
    )
    expect(await readExpress(config, at(0x80))).toEqual({
      offset: 0x80,
      version: 2,
      port: 'endpoint',
      functionLevelReset: true,
      maxPayload: { supported: 256, set: 256 },
      link: { speed: 3, width: 8, maxSpeed: 4, maxWidth: 16 },
    })
    config.put(0x82, 2, 0x0092)
    expect(await readExpress(config, at(0x80))).toMatchObject({
      port: 'integrated-endpoint',
      link: undefined,
    })
  })

  it('SR-IOV', async () => {
    const config = FakeConfig.of(
      4096,
      [0x108, 2, 1],
      [0x10c, 4, 0x00080008],
      [0x110, 2, 2],
      [0x114, 4, 0x00010080],
      [0x11a, 2, 0x1016],
    )
    expect(await readSriov(config, at(0x100))).toMatchObject({
      enabled: true,
      initialVfs: 8,
      totalVfs: 8,
      vfs: 2,
      firstVfOffset: 0x80,
      vfStride: 1,
      vfDeviceId: 0x1016,
      vfMigration: false,
    })
  })

  it.each([
    ['MSI', readMsi],
    ['MSI-X', readMsix],
    ['power management', readPowerManagement],
    ['PCI Express', readExpress],
    ['SR-IOV', readSriov],
  ] as const)('%s is never read outside of its part, wherever it is said to be', async (_name, read) => {
    await fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 256, maxLength: 512 }),
        fc.nat(127).map((word) => 4 * word),
        async (bytes, offset) => {
          try {
            await read(new FakeConfig(bytes), at(offset))
          } catch (error) {
            if (!(error instanceof VfioError)) throw error
            expect(error.code).toBe('ERR_VFIO_MALFORMED')
          }
        },
      ),
    )
  })
})
