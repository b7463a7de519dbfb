// SPDX-License-Identifier: MIT
// A process that does with devices what its parent tells it over IPC, and can be killed in the middle of it.
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { handOver, openDevice, receiveDevice } from '../../../dist/index.js'

const devices = new Map()
const describe = async (device) => ({
  pid: process.pid,
  fd: device.descriptor,
  companions: device.companions,
  state: await (await device.migration()).state(),
})

const does = {
  async open({ name, spec, options }) {
    const device = await openDevice(spec, options)
    devices.set(name, device)
    return describe(device)
  },
  async receive({ name, path }) {
    const { device, facts, from } = await receiveDevice(path)
    devices.set(name, device)
    return { ...(await describe(device)), facts, from }
  },
  async handOver({ name, path }) {
    await handOver(devices.get(name), { to: path })
    return { closed: devices.get(name).closed }
  },
  async write({ name, region, offset, width, value }) {
    await (await devices.get(name).region(region)).writeRegister(offset, width, value)
  },
  async read({ name, region, offset, width }) {
    return Number(await (await devices.get(name).region(region)).readRegister(offset, width))
  },
  async transition({ name, state }) {
    return (await devices.get(name).migration()).transition(state)
  },
  // What a client does that sends a save somewhere: `bytes` of it, into a file.
  async send({ name, bytes, file }) {
    const { session } = await devices.get(name).migration()
    const out = openSync(file, 'w')
    const buffer = Buffer.alloc(bytes)
    let sent = 0
    while (sent < bytes) {
      const read = readSync(session.descriptor, buffer, 0, bytes - sent, null)
      if (read === 0) break
      writeSync(out, buffer, 0, read)
      sent += read
    }
    closeSync(out)
    return sent
  },
  async close({ name }) {
    await devices.get(name).close()
  },
}

process.on('message', async ({ id, what, ...order }) => {
  try {
    process.send({ id, value: await does[what](order) })
  } catch (error) {
    process.send({ id, error: { code: error.code, message: error.message } })
  }
})
process.on('disconnect', () => process.exit(0))
process.send({ id: 0 })
