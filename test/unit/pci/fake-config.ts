// SPDX-License-Identifier: MIT
import type { ConfigAccess } from '../../../lib/pci/config-access.js'

/** Configuration space made of bytes, which counts accesses and fails those that no bus would carry. */
export class FakeConfig implements ConfigAccess {
  readonly device = 'fake'
  readonly bytes: DataView
  reads = 0

  constructor(bytes: Uint8Array) {
    this.bytes = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  }

  static of(size: number, ...words: readonly (readonly [offset: number, width: 1 | 2 | 4, value: number])[]) {
    const config = new FakeConfig(new Uint8Array(size))
    for (const [offset, width, value] of words) config.put(offset, width, value)
    return config
  }

  get size(): number {
    return this.bytes.byteLength
  }

  put(offset: number, width: 1 | 2 | 4, value: number): void {
    for (let byte = 0; byte < width; byte++) this.bytes.setUint8(offset + byte, (value >>> (8 * byte)) & 0xff)
  }

  async read(offset: number, width: 1 | 2 | 4): Promise<number> {
    this.reads++
    if (!Number.isInteger(offset) || offset < 0 || offset + width > this.size || offset % width !== 0) {
      throw new Error(`access of ${width} bytes at ${offset} of ${this.size}`)
    }
    if (width === 1) return this.bytes.getUint8(offset)
    return width === 2 ? this.bytes.getUint16(offset, true) : this.bytes.getUint32(offset, true)
  }

  async write(offset: number, width: 1 | 2 | 4, value: number): Promise<void> {
    if (offset + width > this.size || offset % width !== 0) throw new Error(`write at ${offset}`)
    this.put(offset, width, value)
  }
}
