// SPDX-License-Identifier: MIT
// QEMU's teaching device (1234:11e8), as its documentation (docs/specs/edu) describes it: what its DMA needs.
import type { Device, Region } from '../../../lib/index.js'

const IDENTIFICATION = 0x00
const DMA_SOURCE = 0x80
const DMA_DESTINATION = 0x88
const DMA_COUNT = 0x90
const DMA_COMMAND = 0x98
const START = 1
const TO_MEMORY = 2

/** Where its own memory lies in its address map, and how much there is. In bytes. */
const OWN_MEMORY = 0x4_0000n
export const OWN_BYTES = 4096

/** The last address it can reach: it drives 28 bits. */
export const LAST_REACHABLE = 0x0fff_ffffn

/** The command register in PCI config space, with memory accesses and bus mastering on. */
const PCI_COMMAND = 0x04
const MEMORY_AND_MASTER = 0x0006

export class Edu {
  readonly #registers: Region

  private constructor(registers: Region) {
    this.#registers = registers
  }

  static async of(device: Device): Promise<Edu> {
    await (await device.region(7)).writeRegister(PCI_COMMAND, 2, MEMORY_AND_MASTER)
    const registers = await device.region(0)
    const identification = await registers.readRegister(IDENTIFICATION, 4)
    if ((identification & 0xff) !== 0xed) throw new Error(`no edu: 0x${identification.toString(16)}`)
    return new Edu(registers)
  }

  /** From the user's memory into the device's own. */
  fetch(iova: bigint, count: number): Promise<void> {
    return this.#transfer(iova, OWN_MEMORY, count, START)
  }

  /** From the device's own memory into the user's. */
  store(iova: bigint, count: number): Promise<void> {
    return this.#transfer(OWN_MEMORY, iova, count, START | TO_MEMORY)
  }

  async #transfer(from: bigint, to: bigint, count: number, command: number): Promise<void> {
    await this.#registers.writeRegister(DMA_SOURCE, 8, from)
    await this.#registers.writeRegister(DMA_DESTINATION, 8, to)
    await this.#registers.writeRegister(DMA_COUNT, 8, count)
    await this.#registers.writeRegister(DMA_COMMAND, 8, command)
    while (((await this.#registers.readRegister(DMA_COMMAND, 8)) & 1n) !== 0n) {
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
  }
}
