// SPDX-License-Identifier: MIT
// Where a contender writes: a descriptor that its process inherits, and who reads at the other end.
import { spawn } from 'node:child_process'
import { closeSync, openSync, rmSync } from 'node:fs'
import { createServer, connect as netConnect } from 'node:net'
import { join } from 'node:path'
import { programs } from './programs.mjs'

/** Names of sinks, with what they are called in tables. */
export const sinkNames = {
  null: '/dev/null',
  tmpfs: 'file on tmpfs',
  unix: 'UNIX socket',
  tcp: 'TCP, plain receiver',
  'tcp-ours': 'TCP, our receiver',
}

export const isSocket = (sink) => sink !== 'null' && sink !== 'tmpfs'

/** One for all, so that all write over the same pages. */
const tmpfsFile = join('/dev/shm', `vfio-migration-bench-${process.pid}`)
process.once('exit', () => rmSync(tmpfsFile, { force: true }))

let count = 0

/**
 * @param {string} name
 * @param {{ blocking?: boolean }} [how] `blocking`: a socket whose writes wait, for whoever cannot wait for it
 * @returns {Promise<{ fd: number, pids: number[], close: () => void }>} the descriptor is this process's; a child inherits it
 */
export async function openSink(name, { blocking = false } = {}) {
  if (name === 'null') {
    const fd = openSync('/dev/null', 'w')
    return { fd, pids: [], close: () => closeSync(fd) }
  }
  if (name === 'tmpfs') {
    const fd = openSync(tmpfsFile, 'a+')
    closeSync(fd)
    const again = openSync(tmpfsFile, 'r+')
    return { fd: again, pids: [], close: () => closeSync(again) }
  }
  const made = name === 'unix' ? await overUnix() : await overTcp()
  if (blocking) made.near._handle.setBlocking(true)
  return await overSockets(made, name === 'tcp-ours')
}

/** The receiver is a process of its own: what it costs is not the contender's. */
async function receiver(handle, peer, ours) {
  const child = spawn(programs.receiver, ['--fd', '3', '--peer', '4', ...(ours ? ['--ours'] : [])], {
    stdio: ['ignore', 'pipe', 'inherit', handle, peer],
  })
  await new Promise((resolve, reject) => child.once('error', reject).stdout.once('close', resolve).resume())
  return child
}

async function pair(listenOn, connectTo) {
  const server = createServer({ pauseOnConnect: true })
  await new Promise((resolve) => server.listen(listenOn, resolve))
  const accepted = new Promise((resolve) => server.once('connection', resolve))
  const client = netConnect(connectTo(server))
  await new Promise((resolve, reject) => client.once('connect', resolve).once('error', reject))
  client.pause()
  return { near: client, far: await accepted, server }
}

async function overSockets(made, ours) {
  const { near, far, server } = made
  const child = await receiver(far, near._handle.fd, ours)
  far.destroy()
  server.close()
  return {
    // A descriptor of net.Socket's handle; the socket object is kept and never used.
    fd: near._handle.fd,
    pids: [child.pid],
    close: () => {
      near.destroy()
      child.kill()
    },
  }
}

async function overUnix() {
  const path = join('/dev/shm', `vfio-migration-bench-${process.pid}-${count++}.sock`)
  return await pair(path, () => path)
}

async function overTcp() {
  return await pair({ port: 0, host: '127.0.0.1' }, (server) => server.address())
}
