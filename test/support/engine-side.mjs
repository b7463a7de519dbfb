// SPDX-License-Identifier: MIT
// One side of a migration between processes, as a test wants it: does one thing after the other that it is told over its IPC channel, and can
// be told to kill itself at a record of its journal or at a message, which nobody outside could time.
import { subscribe } from 'node:diagnostics_channel'
import { openDevice, receive, recoverDestination, recoverSource, send } from '../../dist/index.js'

const actions = { send, receive, recoverSource, recoverDestination }
let killAt
let lastPhase

const killIf = (matches) => {
  if (matches) process.kill(process.pid, 'SIGKILL')
}
subscribe('vfio-migration:journal', ({ record }) => killIf(killAt?.record === record))
subscribe('vfio-migration:message', ({ direction, message }) =>
  killIf(killAt?.message === message && killAt.direction === direction),
)

const tell = (message) =>
  process.send(
    JSON.parse(JSON.stringify(message, (_, value) => (typeof value === 'bigint' ? String(value) : value))),
  )

const stateOf = async (device) => {
  try {
    return await (await device.migration()).state()
  } catch (error) {
    return `unknown: ${error.message}`
  }
}

async function act({ action, specs, options, open = {}, before = [], abortAfter }) {
  const devices = []
  let answer
  try {
    for (const spec of specs) devices.push(await openDevice(spec, open))
    for (const { device, region, offset, width, value } of before)
      await (await devices[device].region(region)).writeRegister(offset, width, value)
    const onListening = (address) => tell({ event: 'listening', address })
    const signal = abortAfter === undefined ? {} : { signal: AbortSignal.timeout(abortAfter) }
    const onProgress = ({ phase }) => {
      if (phase !== lastPhase) tell({ event: `phase ${phase}` })
      lastPhase = phase
    }
    answer = {
      ok: true,
      report: await actions[action](devices, { ...options, ...signal, onListening, onProgress }),
    }
  } catch (error) {
    answer = {
      ok: false,
      error: error.toJSON?.() ?? { code: error.code, message: error.message, stack: error.stack },
    }
  }
  return { devices, answer }
}

async function finish({ devices, answer }, { digest, of, registers = [], hold }) {
  const states = await Promise.all(devices.map(stateOf))
  const read = []
  try {
    for (const { device, region, offset, width } of registers)
      read.push(String(await (await devices[device].region(region)).readRegister(offset, width)))
    if (digest !== undefined) {
      const { createHash } = await import('node:crypto')
      for (const device of of === undefined ? devices : of.map((index) => devices[index])) {
        const region = await device.region(digest)
        const hash = createHash('sha256')
        for (let at = 0; at < Number(region.size); at += 2 ** 20)
          hash.update(await region.read(at, Math.min(2 ** 20, Number(region.size) - at)))
        read.push(hash.digest('hex'))
      }
    }
  } catch (error) {
    read.push(`unreadable: ${error.message}`)
  }
  tell({ event: 'done', ...answer, states, read })
  if (!hold) await Promise.all(devices.map((device) => device.close()))
}

process.on('message', async (order) => {
  killAt = order.killAt
  await finish(await act(order), order)
})
process.on('disconnect', () => process.exit(0))
tell({ event: 'ready' })
