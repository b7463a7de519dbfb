// SPDX-License-Identifier: MIT
// What shows only between processes: other users, and who keeps a process alive.
import { spawn, spawnSync } from 'node:child_process'
import { chmodSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { VfioError } from '../../../lib/index.js'
import { listen } from '../../../lib/transport/index.js'
import { requires } from '../../support/requirement.js'
import { kinds, TestFolder } from './ends.js'

const root = requires('root', process.geteuid?.() === 0, 'another user can be become by root only')

const STRANGER = 54_321
const FRIEND = 54_322

/** Connects as another user, by means that every machine has; resolves with how that ended. */
function connectAs(uid: number, path: string): Promise<string> {
  const program = `
    process.setgid(${uid}); process.setuid(${uid})
    const socket = require('node:net').connect(${JSON.stringify(path)})
    socket.on('connect', () => console.log('connected')).on('end', () => console.log('ended'))
    socket.on('error', (error) => console.log(error.code)).resume()
    setTimeout(() => process.exit(), 2000).unref()`
  const child = spawn(process.execPath, ['--eval', program], { stdio: ['ignore', 'pipe', 'inherit'] })
  let said = ''
  child.stdout.on('data', (data) => {
    said += String(data)
  })
  return new Promise((resolve) => child.once('close', () => resolve(said)))
}

describe('the users at the other end of a UNIX socket', () => {
  root.it('are this one, and those who were named', async () => {
    using folder = new TestFolder()
    chmodSync(folder.path, 0o711)
    const refusals: VfioError[] = []
    await using listener = await listen(`unix:${folder.at('place/socket')}`, {
      allowUids: [FRIEND],
      onRefused: (error) => refusals.push(error),
    })
    const accepted = listener.accept()
    expect(await connectAs(STRANGER, folder.at('place/socket'))).toBe('connected\nended\n')
    expect(refusals).toMatchObject([
      { code: 'ERR_VFIO_PEER_REFUSED', message: expect.stringContaining(String(STRANGER)) },
    ])
    const friend = connectAs(FRIEND, folder.at('place/socket'))
    const server = await accepted
    expect(server?.peer.uid).toBe(FRIEND)
    await server?.close()
    expect(await friend).toBe('connected\nended\n')
  })

  root.it('cannot even come near where none were named', async () => {
    using folder = new TestFolder()
    chmodSync(folder.path, 0o711)
    await using _listener = await listen(`unix:${folder.at('place/socket')}`)
    expect(await connectAs(STRANGER, folder.at('place/socket'))).toBe('EACCES\n')
  })
})

describe('a process', () => {
  it.each(kinds)('is not kept alive by connections over %s that nobody waits for', (kind) => {
    using folder = new TestFolder()
    const program = `
      import { connect, listen } from ${JSON.stringify(new URL('../../../dist/transport/index.js', import.meta.url).href)}
      import { readFileSync } from 'node:fs'
      const at = (name) => new URL(name + '.pem', ${JSON.stringify(new URL('../../fixtures/tls/', import.meta.url).href)})
      const identity = (name) => ({ ca: readFileSync(at('authority')), cert: readFileSync(at(name)), key: readFileSync(at(name + '-key')) })
      const listener = await listen(${JSON.stringify(kind === 'unix' ? `unix:${folder.at('s')}` : `${kind}:127.0.0.1:0`)}, { tls: identity('host-a') })
      for (let round = 0; round < 3; round++) {
        const [server, client] = await Promise.all([listener.accept(), connect(listener.address, { tls: identity('host-b') })])
        await client.send(Buffer.from('x'))
        await server.receive()
        if (round === 2) await Promise.all([client.bulk('out'), server.bulk('in')])
      }
      console.log('idle')`
    const parameters = ['--input-type=module', '--eval', program]
    const ended = spawnSync(process.execPath, parameters, { timeout: 15_000, encoding: 'utf8' })
    expect(ended).toMatchObject({ status: 0, stdout: 'idle\n', stderr: '' })
  })

  it('that is killed is lost to its peer, whatever it was doing', async () => {
    using folder = new TestFolder()
    await using listener = await listen(`unix:${folder.at('socket')}`)
    const program = `
      const socket = require('node:net').connect(${JSON.stringify(folder.at('socket'))})
      socket.write(Buffer.from([0, 0, 0, 9, 1]), () => process.kill(process.pid, 'SIGKILL'))`
    const child = spawn(process.execPath, ['--eval', program], { stdio: 'ignore' })
    await using server = await listener.accept()
    await expect(server?.receive()).rejects.toMatchObject({ code: 'ERR_VFIO_PEER_LOST' })
    await new Promise((resolve) =>
      (child.exitCode ?? child.signalCode) === null ? child.once('close', resolve) : resolve(0),
    )
  })
})
