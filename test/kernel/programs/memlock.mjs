// SPDX-License-Identifier: MIT
// Maps memory for a real device, 256 KiB and then more than may be locked; prints how each went. Run without CAP_IPC_LOCK.
import { DmaBuffer, openDevice } from '../../../dist/index.js'

const [address, bytes] = process.argv.slice(2)
await using device = await openDevice(address)
const space = await device.addressSpace()
const outcomes = []
for (const size of [256 * 1024, Number(bytes)]) {
  await using buffer = await DmaBuffer.allocate(size)
  try {
    await using mapping = await space.map(buffer)
    outcomes.push(`mapped ${mapping.size}`)
  } catch (error) {
    outcomes.push({ code: error.code, message: error.message })
  }
}
console.log(JSON.stringify(outcomes))
