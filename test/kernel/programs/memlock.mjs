// SPDX-License-Identifier: MIT
// Maps memory for a real device, 256 KiB and then more than may be locked; prints how each went. Run without CAP_IPC_LOCK.
import { DmaBuffer, openDevice } from '../../../dist/index.js'

const [address, bytes] = process.argv.slice(2)
const device = await openDevice(address)
const space = await device.addressSpace()

async function attempt(size) {
  const buffer = await DmaBuffer.allocate(size)
  try {
    const mapping = await space.map(buffer)
    await mapping.unmap()
    return `mapped ${mapping.size}`
  } catch (error) {
    return { code: error.code, message: error.message }
  } finally {
    await buffer.close()
  }
}

console.log(JSON.stringify([await attempt(256 * 1024), await attempt(Number(bytes))]))
await device.close()
