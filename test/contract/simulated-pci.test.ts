// SPDX-License-Identifier: MIT
// What a simulated device has beyond the contract: the capabilities of an Express endpoint, and memory to map.
import { describe, expect, it } from 'vitest'
import { openDevice } from '../../lib/index.js'
import { capabilityId, PciConfig } from '../../lib/pci/index.js'
import { TestDevice } from '../support/test-device.js'

const small = 'state=1MiB'

describe('the configuration space of a simulated device', () => {
  it('has the capabilities of an Express endpoint', async () => {
    await using device = await openDevice(`sim:v2,${small}`)
    const config = await PciConfig.of(device)
    expect(config.size).toBe(4096)
    expect(await config.header()).toMatchObject({ vendorId: 0x1b36, deviceId: 0x7666, interruptPin: 1 })
    expect((await config.capabilities()).map(({ name }) => name)).toEqual([
      'power-management',
      'msi',
      'msi-x',
      'pci-express',
    ])
    expect((await config.extendedCapabilities()).map(({ name }) => name)).toEqual([
      'advanced-error-reporting',
      'device-serial-number',
    ])
    expect(await config.powerManagement()).toMatchObject({ state: 'D0', noSoftReset: true })
    expect(await config.express()).toMatchObject({ port: 'endpoint', functionLevelReset: true })
    expect(await config.sriov()).toBeUndefined()
    expect(await config.serialNumber()).toBe(0x76666d3100001b36n)
    expect(await config.bars()).toMatchObject([
      { index: 0, bits: 32, size: 4096n },
      { index: 2, bits: 64, size: 1n << 20n },
    ])
  })

  it('agrees with the interrupts that VFIO gives', async () => {
    await using device = await openDevice(`sim:none,${small}`)
    const config = await PciConfig.of(device)
    expect((await config.msi())?.vectors).toBe((await device.irqInfo(1)).count)
    expect((await config.msix())?.vectors).toBe((await device.irqInfo(2)).count)
  })

  it('places the MSI-X table in BAR 0, every vector masked', async () => {
    await using device = await openDevice(`sim:none,${small}`)
    const msix = await (await PciConfig.of(device)).msix()
    expect(msix).toMatchObject({ enabled: false, masked: false, table: { bar: 0, offset: 0x800 } })
    const bar = await device.region(0)
    const at = msix?.table.offset ?? 0
    expect(await bar.readRegister(at + 12, 4)).toBe(1)
    await bar.writeRegister(at, 8, 0xfee0_0000n)
    expect(await bar.readRegister(at, 4)).toBe(0xfee0_0000)
    await bar.writeRegister(msix?.pending.offset ?? 0, 4, 0xffff)
    expect(await bar.readRegister(msix?.pending.offset ?? 0, 4)).toBe(0)
    await expect(bar.readRegister(at + 8 * 16, 4)).rejects.toMatchObject({ code: 'EINVAL' })
    await device.reset()
    expect(await bar.readRegister(at, 4)).toBe(0)
  })

  it('resets the function by device control', async () => {
    await using device = await openDevice(`sim:v2,${small}`)
    const config = await PciConfig.of(device)
    const test = await TestDevice.of(device)
    await test.setScratch(7)
    await (await device.migration()).transition('stop')
    const { offset } = (await config.capability(capabilityId.express)) ?? { offset: 0 }
    await config.write(offset + 8, 2, 0x8000)
    expect(await config.read(offset + 8, 2)).toBe(0)
    // Nobody told the library, which has to ask.
    await expect(test.scratch()).rejects.toMatchObject({ code: 'ERR_VFIO_REGION_FORBIDDEN' })
    expect(await (await device.migration()).state()).toBe('running')
    expect(await test.scratch()).toBe(0)
  })

  it('keeps its read-only bits', async () => {
    await using device = await openDevice(`sim:none,${small}`)
    const config = await PciConfig.of(device)
    const before = await config.capabilities()
    for (const { offset } of before) await config.write(offset, 2, 0xffff)
    expect(await config.capabilities()).toEqual(before)
  })
})

describe('a mapping', () => {
  const mapped = async () => {
    const device = await openDevice(`sim:v1,${small},chunk=64KiB,data=mapped`)
    const region = await device.regionByType(3, 1)
    if (region === undefined) throw new Error('no migration region')
    return { device, region, area: region.info.mappable[0] ?? { offset: 0n, size: 0n } }
  }

  it('is read and written one register at a time', async () => {
    const { device, region, area } = await mapped()
    await using _ = device
    expect(region).toMatchObject({ kind: 'migration', capabilities: ['sparse-mmap', 'type'] })
    await using mapping = await region.map(area.offset, 4096)
    mapping.write(0, 8, 0x1122334455667788n)
    expect([mapping.read(0, 1), mapping.read(0, 2), mapping.read(0, 4)]).toEqual([0x88, 0x7788, 0x55667788])
    expect(mapping.read(0, 8)).toBe(0x1122334455667788n)
    mapping.write(4, 1, 0xff)
    mapping.write(6, 2, 0)
    expect(mapping.read(0, 8)).toBe(0x0000_33ff_5566_7788n)
    expect(new Uint32Array(mapping.buffer, 0, 1)[0]).toBe(0x55667788)
    mapping.write(4092, 4, 0xffffffff)
    expect(mapping.read(4092, 4)).toBe(0xffffffff)
  })

  it('refuses what is no register', async () => {
    const { device, region, area } = await mapped()
    await using _ = device
    await using mapping = await region.map(area.offset, 4096)
    for (const [offset, width] of [
      [4096, 1],
      [4093, 4],
      [-1, 1],
      [2, 4],
      [1, 2],
      [0.5, 1],
      [Number.NaN, 4],
      [2 ** 53, 8],
    ] as const) {
      expect(() => mapping.read(offset, width as 4)).toThrow(RangeError)
      expect(() => mapping.write(offset, width, 0)).toThrow(RangeError)
    }
    expect(() => mapping.read(0, 3 as 4)).toThrow(RangeError)
    for (const [width, value] of [
      [1, 256],
      [2, -1],
      [4, 2 ** 32],
      [4, 0.5],
      [8, 1n << 64n],
      [8, -1n],
    ] as const) {
      expect(() => mapping.write(0, width, value)).toThrow(RangeError)
    }
  })

  it('does what it was mapped for and nothing else', async () => {
    const { device, region, area } = await mapped()
    await using _ = device
    await using reading = await region.map(area.offset, 4096, 'read')
    expect(reading.read(0, 4)).toBe(0)
    expect(() => reading.write(0, 4, 1)).toThrow(/reading alone/)
    await using writing = await region.map(area.offset, 4096, 'write')
    writing.write(0, 4, 1)
    expect(() => writing.read(0, 4)).toThrow(/writing alone/)
    expect(reading.read(0, 4)).toBe(1)
  })

  it('is over when it is closed, or its device', async () => {
    const { device, region, area } = await mapped()
    const one = await region.map(area.offset, 4096)
    const other = await region.map(area.offset, 4096)
    expect(device.mappings).toBe(2)
    await one.close()
    expect(device.mappings).toBe(1)
    expect(() => one.read(0, 4)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }))
    await device.close()
    expect(() => other.write(0, 4, 0)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }))
  })

  it('keeps the device’s decoder on', async () => {
    const { device, region, area } = await mapped()
    await using _ = device
    const config = await PciConfig.of(device)
    await using mapping = await region.map(area.offset, 4096)
    await expect(config.setCommand({ memory: false })).rejects.toMatchObject({ code: 'ERR_VFIO_MAPPED' })
    await config.setCommand({ memory: true })
    await mapping.close()
    await config.setCommand({ memory: false })
  })

  it('is no matter of a state: the migration region stays open', async () => {
    const { device, region, area } = await mapped()
    await using _ = device
    await (await device.migration()).transition('stop')
    await using mapping = await region.map(area.offset, 4096)
    expect(mapping.read(0, 4)).toBe(0)
  })
})

it('a simulated device has no hot reset, no low power and takes no token', async () => {
  await using device = await openDevice(`sim:v2,${small}`)
  await expect(device.hotResetInfo()).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
  await expect(device.hotReset()).rejects.toMatchObject({ code: 'ERR_VFIO_UNSUPPORTED' })
  await expect(device.lowPowerEntry()).rejects.toMatchObject({ code: 'ENOTTY' })
  const token = '00112233-4455-6677-8899-aabbccddeeff'
  const refused = await openDevice(`sim:v2,${small}`, { vfToken: token }).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'ERR_VFIO_VF_TOKEN' })
  expect(JSON.stringify(refused)).not.toContain(token)
})
