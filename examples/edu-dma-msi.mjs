// SPDX-License-Identifier: MIT
// Drives QEMU's teaching device (-device edu, bound to vfio-pci) by DMA and MSI: node examples/edu-dma-msi.mjs 0000:01:00.0
import { DmaBuffer, openDevice } from 'vfio-migration'
import { PciConfig } from 'vfio-migration/pci'

const [address = '0000:01:00.0'] = process.argv.slice(2)
const OWN_MEMORY = 0x40000n // where the device's own buffer lies in its address map
const TO_MEMORY = 2 // of its DMA command; 1 starts, 4 interrupts when it is done
const BYTES = 1024

const device = await openDevice(address)
try {
  await (await PciConfig.of(device)).setCommand({ memory: true, busMaster: true })
  const registers = await device.region(0)
  const msi = await device.interrupts('msi')
  await msi.enable()
  const done = msi.vector(0)
  const buffer = await DmaBuffer.allocate(8192)
  const bytes = new Uint8Array(buffer.buffer)
  const { iova } = await (await device.addressSpace()).map(buffer, { highest: 0x0fff_ffffn }) // it drives 28 address bits

  const transfer = async (from, to, command) => {
    await registers.writeRegister(0x80, 8, from)
    await registers.writeRegister(0x88, 8, to)
    await registers.writeRegister(0x90, 8, BYTES)
    await registers.writeRegister(0x98, 8, command | 5)
    await done.wait({ signal: AbortSignal.timeout(10_000) })
    await registers.writeRegister(0x64, 4, await registers.readRegister(0x24, 4)) // acknowledges
  }
  bytes.set(Array.from({ length: BYTES }, (_, at) => at & 0xff))
  await transfer(iova, OWN_MEMORY, 0)
  await transfer(OWN_MEMORY, iova + 4096n, TO_MEMORY)
  const same = Buffer.compare(bytes.subarray(0, BYTES), bytes.subarray(4096, 4096 + BYTES)) === 0
  console.log(
    `${BYTES} bytes into the device and back by DMA, two interrupts: ${same ? 'equal' : 'DIFFERENT'}`,
  )
  process.exitCode = same ? 0 : 1
} finally {
  await device.close()
}
