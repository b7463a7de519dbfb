// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { Device } from '../../../lib/device/device.js'
import type { NativeDevice, NativeFailure, NativeRegionInfo } from '../../../lib/native-binding.js'

const refused = (errno: number): NativeFailure => ({
  failed: true,
  reason: 'system',
  errno,
  syscall: 'ioctl',
  operation: 'VFIO_DEVICE_GET_REGION_INFO 2',
  detail: '',
})
const region = (index: number, size: bigint): NativeRegionInfo => ({
  index,
  flags: 3,
  size,
  offset: 0n,
  mappable: [],
  type: null,
  capabilities: [],
})

/** A device with three regions, of which the last answers as given. */
function device(last: NativeRegionInfo | NativeFailure): Device {
  const native: Partial<NativeDevice> = {
    info: async () => ({ flags: 3, regions: 3, irqs: 0 }),
    regionInfo: async (index) => (index === 2 ? last : region(index, index === 0 ? 4096n : 0n)),
  }
  return new Device(native as NativeDevice, { spec: 'test', driver: undefined, holds: [] })
}

describe('the regions of a device', () => {
  it('are those that are not empty', async () => {
    expect((await device(region(2, 256n)).regions()).map(({ index }) => index)).toEqual([0, 2])
  })

  it('do not include one that the driver refuses, as vfio-pci does VGA', async () => {
    const one = device(refused(-22))
    expect((await one.regions()).map(({ index }) => index)).toEqual([0])
    expect(await one.regionByType(0x8000_8086, 1)).toBeUndefined()
    await expect(one.region(2)).rejects.toMatchObject({ code: 'ERR_VFIO_NO_SUCH_REGION' })
  })

  it('are not known when the device fails otherwise', async () => {
    await expect(device(refused(-5)).regions()).rejects.toMatchObject({ code: 'EIO' })
  })
})
