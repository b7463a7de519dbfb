// SPDX-License-Identifier: MIT
// Simulated devices with memory that they write by DMA, on both sides of a migration.
import {
  DmaBuffer,
  type DmaMemory,
  dmaMemory,
  type MigratableDevice,
  type OpenOptions,
  openDevice,
} from '../../../lib/index.js'
import { expectedMemory } from '../../support/generator.js'
import { TestDevice } from '../../support/test-device.js'

export const PAGE = 4096
export const IOVA = 0x1000_0000n

/** A device that may write `buffers`, one behind the other with a page between them. */
export class DmaBench implements AsyncDisposable {
  readonly device: MigratableDevice
  readonly test: TestDevice
  readonly buffers: readonly DmaBuffer[]
  readonly parts: readonly { readonly iova: bigint; readonly buffer: DmaBuffer }[]

  private constructor(device: MigratableDevice, test: TestDevice, buffers: readonly DmaBuffer[]) {
    this.device = device
    this.test = test
    this.buffers = buffers
    let iova = IOVA
    this.parts = buffers.map((buffer) => {
      const part = { iova, buffer }
      iova += buffer.size + BigInt(PAGE)
      return part
    })
  }

  /** @param sizes of the buffers, or buffers that others made */
  static async of(
    spec: string,
    sizes: readonly (number | DmaBuffer)[],
    options: OpenOptions = {},
  ): Promise<DmaBench> {
    const device = await openDevice(spec, options)
    const test = await TestDevice.of(device)
    await test.setBusMaster(true)
    const buffers = await Promise.all(
      sizes.map((size) => (typeof size === 'number' ? DmaBuffer.allocate(size) : size)),
    )
    const bench = new DmaBench(device, test, buffers)
    const space = await device.addressSpace()
    if (space.mappings.length === 0)
      for (const { iova, buffer } of bench.parts) await space.map(buffer, { iova })
    return bench
  }

  get memory(): DmaMemory {
    return dmaMemory(this.parts)
  }

  bytes(index = 0): Uint8Array {
    return new Uint8Array((this.buffers[index] as DmaBuffer).buffer)
  }

  /** Bytes in every page, as `seed` has them. */
  fill(seed: number): void {
    for (const [index, { size }] of this.buffers.entries())
      this.bytes(index).set(expectedMemory(seed + index, Number(size)))
  }

  /** Lets the device write, one page after the other, until it stops. @returns how many writes it did */
  async writeUntilStopped(): Promise<number> {
    for (let count = 0; ; count++) {
      const part = this.parts[count % this.parts.length] as (typeof this.parts)[number]
      const page = BigInt((count * 7) % (Number(part.buffer.size) / PAGE))
      try {
        const status = await this.test.dmaWrite(part.iova + page * BigInt(PAGE) + 100n, 300, count)
        if (status !== 0) return count
      } catch {
        return count
      }
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.device.close()
    for (const buffer of this.buffers) await buffer.close()
  }
}

/** Where two memories differ first; `undefined`: nowhere. */
export function firstDifference(one: DmaBench, other: DmaBench): string | undefined {
  for (const index of one.buffers.keys()) {
    const [left, right] = [one.bytes(index), other.bytes(index)]
    if (Buffer.compare(left, right) === 0) continue
    return `buffer ${index}, byte ${left.findIndex((byte, at) => byte !== right[at])}`
  }
  return undefined
}
