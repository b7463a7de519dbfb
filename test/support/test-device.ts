// SPDX-License-Identifier: MIT
// The registers of the test device, by the names of docs/test-device.md.
import type { Device, Region } from '../../lib/index.js'
import { expectedMemory } from './generator.js'

const MAGIC = 0x316d6676
const registers = {
  magic: 0x00,
  stateSize: 0x08,
  scratch: 0x10,
  control: 0x14,
  seed: 0x18,
  command: 0x1c,
  dirtyRate: 0x20,
  steps: 0x28,
  runCount: 0x30,
  dmaStatus: 0x34,
  dmaIova: 0x38,
  dmaLength: 0x40,
} as const

const FILL = 1
const STEP = 2
const DMA_WRITE = 3
const DMA_READ = 4

/** The PCI command register in config space, and its bit that lets the device do DMA. */
const PCI_COMMAND = 0x04
const BUS_MASTER = 0x0004

/** How much is read back and compared at a time. */
const PIECE = 2 ** 20

/** What a device of the test's own kind holds and does. It answers only while it runs. */
export class TestDevice {
  readonly #registers: Region
  readonly #memory: Region
  readonly #config: Region

  private constructor(registers: Region, memory: Region, config: Region) {
    this.#registers = registers
    this.#memory = memory
    this.#config = config
  }

  static async of(device: Device): Promise<TestDevice> {
    const bar0 = await device.region(0)
    const magic = await bar0.readRegister(registers.magic, 4)
    if (magic !== MAGIC)
      throw new Error(`${device.spec} is no test device: its magic is 0x${magic.toString(16)}`)
    return new TestDevice(bar0, await device.region(2), await device.region(7))
  }

  get size(): number {
    return Number(this.#memory.size)
  }

  async fill(seed: number): Promise<void> {
    await this.#registers.writeRegister(registers.seed, 4, seed)
    await this.#registers.writeRegister(registers.command, 4, FILL)
  }

  /** `force`: although the library knows that the device must be left alone. */
  step(options: { readonly force?: boolean } = {}): Promise<void> {
    return this.#registers.writeRegister(registers.command, 4, STEP, options)
  }

  steps(): Promise<bigint> {
    return this.#registers.readRegister(registers.steps, 8)
  }

  runCount(): Promise<number> {
    return this.#registers.readRegister(registers.runCount, 4)
  }

  scratch(): Promise<number> {
    return this.#registers.readRegister(registers.scratch, 4)
  }

  setScratch(value: number): Promise<void> {
    return this.#registers.writeRegister(registers.scratch, 4, value)
  }

  /** Lets the workload dirty `rate` bytes per second from now on. */
  async work(rate: bigint): Promise<void> {
    await this.#registers.writeRegister(registers.dirtyRate, 8, rate)
    await this.#registers.writeRegister(registers.control, 4, 1)
  }

  rest(): Promise<void> {
    return this.#registers.writeRegister(registers.control, 4, 0)
  }

  /** Lets the device do DMA, or no more. */
  setBusMaster(on: boolean): Promise<void> {
    return this.#config.writeRegister(PCI_COMMAND, 2, on ? BUS_MASTER : 0)
  }

  /** Lets it write the first `length` bytes that `seed` stands for. @returns DMA_STATUS: 0 or a positive errno */
  async dmaWrite(iova: bigint, length: number, seed: number): Promise<number> {
    await this.#registers.writeRegister(registers.seed, 4, seed)
    return this.#dma(DMA_WRITE, iova, length)
  }

  /** Lets it read into its memory, from offset 0 on. @returns as {@link dmaWrite} */
  dmaRead(iova: bigint, length: number): Promise<number> {
    return this.#dma(DMA_READ, iova, length)
  }

  async #dma(command: number, iova: bigint, length: number): Promise<number> {
    await this.#registers.writeRegister(registers.dmaIova, 8, iova)
    await this.#registers.writeRegister(registers.dmaLength, 8, length)
    await this.#registers.writeRegister(registers.command, 4, command)
    return this.#registers.readRegister(registers.dmaStatus, 4)
  }

  readMemory(offset: number, length: number): Promise<Uint8Array> {
    return this.#memory.read(offset, length)
  }

  /** The offset of the first byte that is not what `seed` and the device's own step count make it, or `undefined`. */
  async firstDifference(seed: number): Promise<number | undefined> {
    const expected = expectedMemory(seed, this.size, await this.steps())
    for (let offset = 0; offset < this.size; offset += PIECE) {
      const length = Math.min(PIECE, this.size - offset)
      const found = await this.#memory.read(offset, length)
      if (Buffer.compare(found, expected.subarray(offset, offset + length)) === 0) continue
      return offset + found.findIndex((byte, at) => byte !== expected[offset + at])
    }
    return undefined
  }
}
