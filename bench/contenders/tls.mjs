// SPDX-License-Identifier: MIT
// TLS 1.3 over TCP on the loopback interface, the reader in a process of its own: node tls.mjs --way ours|plain --bytes N
//   ours: the library's bulk channel, fed by a pump. plain: a socket of node:tls, fed from one buffer in memory.
import { fork } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { createServer, connect as tlsConnect } from 'node:tls'
import { simulatedDevice } from '../../dist/simulated/index.js'
import { connect } from '../../dist/transport/index.js'
import { serveRounds, words } from './rounds.mjs'

const { text, number } = words()
const way = text('way', 'ours')
const bytes = number('bytes', 2 ** 28)
const CHUNK = 2 ** 20
// What the library's listeners say first.
const PROTOCOL = 'vfio-migration/1'
const WELCOME = Uint8Array.of(1)
const pem = (name) => readFileSync(new URL(`../../test/fixtures/tls/${name}.pem`, import.meta.url))
const identity = (host) => ({ cert: pem(host), key: pem(`${host}-key`), ca: pem('authority') })
const reader = identity('host-a') // which is that of 127.0.0.1
const sender = identity('host-b')

if (text('role') === 'reader') {
  const server = createServer(
    { ...reader, minVersion: 'TLSv1.3', requestCert: true, ALPNProtocols: [PROTOCOL] },
    (socket) => {
      socket.on('error', () => {})
      socket.write(WELCOME)
      socket.resume()
    },
  )
  server.listen(0, '127.0.0.1', () => process.send(server.address().port))
} else {
  const child = fork(new URL(import.meta.url).pathname, ['--role', 'reader', '--bytes', String(bytes)])
  const port = await new Promise((resolve) => child.once('message', resolve))
  await (way === 'plain' ? plain : ours)(port)
  child.kill()
}

/** A connection is made anew for each round, and not measured: the library's bulk channels are used up by their data. */
async function ours(port) {
  const device = await simulatedDevice({ protocol: 'v2', state: bytes, seed: 7 })
  const migration = await device.migration()
  let save
  let channel
  await serveRounds({
    before: async () => {
      const connection = await connect(`tls:127.0.0.1:${port}`, { tls: sender })
      channel = await connection.bulk('out')
      save = await migration.save()
    },
    move: async () => {
      const moved = await save.pipeTo(channel.fd)
      await channel.finish()
      return moved.bytes
    },
    after: async () => {
      await channel.close()
      await save.complete()
      await migration.transition('running')
    },
  })
  await device.close()
}

async function plain(port) {
  const buffer = Buffer.alloc(CHUNK, 7)
  let socket
  await serveRounds({
    before: async () => {
      socket = tlsConnect({
        ...sender,
        minVersion: 'TLSv1.3',
        ALPNProtocols: [PROTOCOL],
        host: '127.0.0.1',
        port,
      })
      await new Promise((resolve, reject) => socket.once('secureConnect', resolve).once('error', reject))
      socket.on('error', () => {})
    },
    move: async () => {
      const finished = new Promise((resolve) => socket.once('finish', resolve))
      for (let at = 0; at < bytes; at += CHUNK) {
        const piece = at + CHUNK <= bytes ? buffer : buffer.subarray(0, bytes - at)
        if (!socket.write(piece)) await new Promise((resolve) => socket.once('drain', resolve))
      }
      socket.end()
      await finished
      return bytes
    },
    after: async () => socket.destroy(),
  })
}
