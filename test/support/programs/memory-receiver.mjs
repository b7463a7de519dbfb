// SPDX-License-Identifier: MIT
// Receives a device with its memory: argv is the device, the socket, the journal, the address and the size of the memory. Says where it listens, then
// the SHA-256 of the memory, what the report says of the device, and whether it goes on with its DMA where it is now.
import { createHash } from 'node:crypto'
import { DmaBuffer, dmaMemory, openDevice, receive } from '../../../dist/index.js'

const [spec, socket, journal, address, size] = process.argv.slice(2)
const iova = BigInt(address)
const say = (line) => process.stdout.write(`${JSON.stringify(line)}\n`)

const device = await openDevice(spec)
const buffer = await DmaBuffer.allocate(Number(size))
const bytes = new Uint8Array(buffer.buffer)
bytes.fill(0x5a)
await (await device.addressSpace()).map(buffer, { iova })
const report = await receive([device], {
  listen: `unix:${socket}`,
  journal,
  memory: dmaMemory([{ iova, buffer }]),
  onListening: () => say({ listening: true }),
})
const digest = createHash('sha256').update(bytes).digest('hex')
const registers = await device.region(0)
await (await device.region(7)).writeRegister(0x04, 2, 0x4)
await registers.writeRegister(0x38, 8, iova)
await registers.writeRegister(0x40, 8, 4096n)
await registers.writeRegister(0x1c, 4, 3)
const dmaStatus = await registers.readRegister(0x34, 4)
say({ digest, state: report.devices[0].state, dmaStatus, rss: process.memoryUsage().rss })
await device.close()
await buffer.close()
