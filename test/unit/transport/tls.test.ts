// SPDX-License-Identifier: MIT
import { chmodSync, writeFileSync } from 'node:fs'
import { createConnection } from 'node:net'
import { type ConnectionOptions, connect as connectTls, createServer, type TLSSocket } from 'node:tls'
import { describe, expect, it } from 'vitest'
import type { VfioError } from '../../../lib/index.js'
import {
  type Connection,
  connect,
  type Listener,
  type ListenOptions,
  listen,
} from '../../../lib/transport/index.js'
import { peerCertificate } from '../../../lib/transport/peer-certificate.js'
import { Ends, hostA, hostB, TestFolder, textOf, tlsIdentity } from './ends.js'

const code = (name: string) => ({ code: name })
const pem = (value: string | Uint8Array): Buffer => Buffer.from(value)

describe('a TLS connection', () => {
  it('knows by what names each side is certified', async () => {
    await using ends = await Ends.over('tls')
    expect(ends.client.peer).toEqual({
      address: ends.listener.address,
      certificate: {
        names: ['host-a', 'host-a.example', 'localhost'],
        fingerprint256: expect.stringMatching(/^([0-9A-F]{2}:){31}[0-9A-F]{2}$/),
      },
    })
    expect(ends.server.peer).toMatchObject({
      address: expect.stringMatching(/^tls:127\.0\.0\.1:[0-9]+$/),
      certificate: { names: ['host-b', 'host-b.example'] },
    })
  })

  it('asks for the name of the host, or for another that it is told', async () => {
    await using listener = await listen('tls:127.0.0.1:0', { tls: hostA })
    const served = serve(listener)
    const to = (host: string): string => listener.address.replace('127.0.0.1', host)
    await (await connect(to('localhost'), { tls: hostB })).close()
    await (await connect(to('127.0.0.1'), { tls: { ...hostB, servername: 'host-a.example' } })).close()
    await expect(connect(to('127.0.0.1'), { tls: { ...hostB, servername: 'host-c' } })).rejects.toMatchObject(
      {
        ...code('ERR_VFIO_PEER_REFUSED'),
        message: expect.stringContaining('host-c'),
      },
    )
    await listener.close()
    expect(await served).toBe(2)
  })

  it('to a listener of another authority is refused', async () => {
    await using listener = await listen('tls:127.0.0.1:0', { tls: tlsIdentity('stranger') })
    const served = serve(listener)
    await expect(connect(listener.address, { tls: hostB })).rejects.toMatchObject(
      code('ERR_VFIO_PEER_REFUSED'),
    )
    await listener.close()
    expect(await served).toBe(0)
  })

  it('of a client that another authority has certified is refused, and the client told', async () => {
    const { refusals, served } = await refusing(async (listener) => {
      await expect(connect(listener.address, { tls: tlsIdentity('stranger') })).rejects.toMatchObject(
        code('ERR_VFIO_PEER_REFUSED'),
      )
    })
    expect(served).toBe(0)
    expect(refusals).toMatchObject([
      { ...code('ERR_VFIO_PEER_REFUSED'), message: expect.stringContaining('certificate') },
    ])
  })

  it.each<[string, ConnectionOptions]>([
    ['shows no certificate', {}],
    ['offers TLS 1.2 at most', { cert: pem(hostB.cert), key: pem(hostB.key), maxVersion: 'TLSv1.2' }],
    ['speaks another protocol', { cert: pem(hostB.cert), key: pem(hostB.key), ALPNProtocols: ['http/1.1'] }],
    ['names no protocol', { cert: pem(hostB.cert), key: pem(hostB.key), ALPNProtocols: undefined }],
  ])('of a client that %s is refused', async (_, options) => {
    const { refusals, served } = await refusing(async (listener) => {
      const port = Number(listener.address.split(':').at(-1))
      const defaults = { ca: pem(hostA.ca), ALPNProtocols: ['vfio-migration/1'] }
      const client = connectTls({ host: '127.0.0.1', port, ...defaults, ...options })
      client.on('error', () => undefined)
      client.resume()
      await new Promise((resolve) => client.once('close', resolve))
    })
    expect(served).toBe(0)
    expect(refusals).toMatchObject([code('ERR_VFIO_PEER_REFUSED')])
  })

  it('of a client that says nothing, or no TLS, is given up', async () => {
    const { refusals, served } = await refusing(
      async (listener) => {
        const port = Number(listener.address.split(':').at(-1))
        const silent = createConnection(port, '127.0.0.1')
        await new Promise((resolve) => silent.once('close', resolve).resume())
        const wrong = createConnection(port, '127.0.0.1').on('error', () => undefined)
        wrong.write('GET / HTTP/1.1\r\n\r\n')
        await new Promise((resolve) => wrong.once('close', resolve).resume())
      },
      { handshakeTimeout: 100 },
    )
    expect(served).toBe(0)
    expect(refusals.map((refusal) => refusal.code)).toEqual([
      'ERR_VFIO_PEER_TIMEOUT',
      'ERR_VFIO_PEER_REFUSED',
    ])
  })

  it('waits no longer for a listener than it is told', async () => {
    await using silent = await listen('tcp:127.0.0.1:0')
    const address = silent.address.replace('tcp', 'tls')
    await expect(connect(address, { tls: hostB, timeout: 100 })).rejects.toMatchObject(
      code('ERR_VFIO_PEER_TIMEOUT'),
    )
    const controller = new AbortController()
    const connecting = connect(address, { tls: hostB, signal: controller.signal })
    setTimeout(() => controller.abort(), 50)
    await expect(connecting).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('to a listener that offers TLS 1.2 at most is refused', async () => {
    const old = createServer({ cert: pem(hostA.cert), key: pem(hostA.key), maxVersion: 'TLSv1.2' })
    await new Promise<void>((resolve) => old.listen(0, '127.0.0.1', resolve))
    const { port } = old.address() as { port: number }
    await expect(connect(`tls:127.0.0.1:${port}`, { tls: hostB })).rejects.toMatchObject(
      code('ERR_VFIO_PEER_REFUSED'),
    )
    old.close()
  })

  it('is not held up by clients that dawdle', async () => {
    await using listener = await listen('tls:127.0.0.1:0', { tls: hostA })
    const port = Number(listener.address.split(':').at(-1))
    const dawdlers = Array.from({ length: 5 }, () => createConnection(port, '127.0.0.1'))
    await Promise.all(dawdlers.map((socket) => new Promise((resolve) => socket.once('connect', resolve))))
    const accepted = listener.accept()
    await using client = await connect(listener.address, { tls: hostB, timeout: 5000 })
    await using server = await accepted
    await client.send(Buffer.from('quick'))
    expect(textOf(await server?.receive())).toBe('quick')
    for (const socket of dawdlers) socket.destroy()
  })

  it('lets no more than so many be in a handshake at a time', async () => {
    await using listener = await listen('tls:127.0.0.1:0', {
      tls: hostA,
      maxHandshakes: 1,
      handshakeTimeout: 200,
    })
    const port = Number(listener.address.split(':').at(-1))
    const dawdler = createConnection(port, '127.0.0.1')
    await new Promise((resolve) => dawdler.once('connect', resolve))
    const accepted = listener.accept()
    const began = performance.now()
    await using _client = await connect(listener.address, { tls: hostB })
    await using _server = await accepted
    expect(performance.now() - began).toBeGreaterThan(150)
    dawdler.destroy()
  })

  it('that a listener is closed in the middle of ends', async () => {
    const listener = await listen('tls:127.0.0.1:0', { tls: hostA })
    const accepted = listener.accept()
    const port = Number(listener.address.split(':').at(-1))
    const dawdler = createConnection(port, '127.0.0.1')
    await new Promise((resolve) => dawdler.once('connect', resolve))
    await new Promise((resolve) => setTimeout(resolve, 30))
    const gone = new Promise((resolve) => dawdler.once('close', resolve).resume())
    await listener.close()
    expect(await accepted).toBeUndefined()
    await gone
  })
})

describe('a peer over raw TLS', () => {
  it('that sends data with its last message has it all arrive', async () => {
    await using listener = await listen('tls:127.0.0.1:0', { tls: hostA })
    const accepted = listener.accept()
    const raw = await rawClient(listener)
    const server = (await accepted) as Connection
    raw.write(Buffer.concat([Uint8Array.of(0, 0, 0, 2), Buffer.from('okdata')]))
    expect(textOf(await server.receive())).toBe('ok')
    await using channel = await server.bulk('in')
    raw.end('more')
    // Seven more bytes than none: what is left is told, never lost.
    await expect(channel.finish()).rejects.toMatchObject(code('ERR_VFIO_MALFORMED'))
    raw.destroy()
  })

  it('that breaks off in the middle of a message is lost', async () => {
    await using listener = await listen('tls:127.0.0.1:0', { tls: hostA })
    const accepted = listener.accept()
    const raw = await rawClient(listener)
    await using server = (await accepted) as Connection
    raw.end(Uint8Array.of(0, 0, 0, 9, 1))
    await expect(server.receive()).rejects.toMatchObject(code('ERR_VFIO_PEER_LOST'))
  })
})

describe('the credentials of a TLS connection', () => {
  it('are looked at before anybody is connected to', async () => {
    await expect(connect('tls:127.0.0.1:7')).rejects.toMatchObject(code('ERR_VFIO_CREDENTIALS'))
    await expect(listen('tls:127.0.0.1:0')).rejects.toMatchObject(code('ERR_VFIO_CREDENTIALS'))
    const wrong = [
      { ...hostA, key: hostB.key },
      { ...hostA, cert: Buffer.from('nothing') },
      { ...hostA, ca: Buffer.from('') },
      { ...hostA, key: '/no/such/file' },
      { ...hostA, ca: '/dev/null' },
    ]
    for (const tls of wrong) {
      await expect(listen('tls:127.0.0.1:0', { tls })).rejects.toMatchObject(code('ERR_VFIO_CREDENTIALS'))
    }
  })

  it('may lie in files, the key in one that is its owner’s alone', async () => {
    using folder = new TestFolder()
    const tls = { ca: folder.at('ca'), cert: folder.at('cert'), key: folder.at('key') }
    writeFileSync(tls.ca, hostA.ca)
    writeFileSync(tls.cert, hostA.cert)
    writeFileSync(tls.key, hostA.key)
    chmodSync(tls.key, 0o640)
    await expect(listen('tls:127.0.0.1:0', { tls })).rejects.toMatchObject({
      ...code('ERR_VFIO_CREDENTIALS'),
      message: expect.stringContaining('chmod 600'),
    })
    chmodSync(tls.key, 0o600)
    await using listener = await listen('tls:127.0.0.1:0', { tls })
    expect(listener.address).toMatch(/^tls:/)
  })
})

describe('the names in a certificate', () => {
  const namesOf = (CN: string | string[] | undefined, subjectaltname?: string) =>
    peerCertificate({
      subject: CN === undefined ? {} : { CN },
      fingerprint256: '00',
      ...(subjectaltname === undefined ? {} : { subjectaltname }),
    } as Parameters<typeof peerCertificate>[0]).names

  it('are its common names and DNS names, each once', () => {
    expect(namesOf('a', 'DNS:b, IP Address:1.2.3.4, DNS:a, DNS:*.c')).toEqual(['a', 'b', '*.c'])
    expect(namesOf(['a', 'b'])).toEqual(['a', 'b'])
    expect(namesOf(undefined)).toEqual([])
  })

  it('cannot be smuggled in by one that only looks like several', () => {
    expect(namesOf(undefined, 'DNS:"x, DNS:admin", DNS:b')).toEqual(['x, DNS:admin', 'b'])
    expect(namesOf(undefined, 'othername:"y, DNS:admin"')).toEqual([])
    expect(namesOf('a\nb', 'DNS:"a\\u0000b"')).toEqual([])
    expect(() => namesOf(undefined, 'DNS:"open')).toThrow(
      expect.objectContaining(code('ERR_VFIO_PEER_REFUSED')),
    )
  })
})

/** Accepts and closes until the listener is closed; resolves with how many there were. */
async function serve(listener: Listener): Promise<number> {
  for (let served = 0; ; served++) {
    const connection = await listener.accept()
    if (connection === undefined) return served
    await connection.close()
  }
}

/** What a listener says of clients that are up to no good. */
async function refusing(
  misbehave: (listener: Listener) => Promise<void>,
  options: ListenOptions = {},
): Promise<{ refusals: VfioError[]; served: number }> {
  const refusals: VfioError[] = []
  const onRefused = (error: VfioError): void => void refusals.push(error)
  await using listener = await listen('tls:127.0.0.1:0', { tls: hostA, onRefused, ...options })
  const served = serve(listener)
  await misbehave(listener)
  // Its word of the refusal may come after the client has heard of it.
  for (let tries = 0; refusals.length === 0 && tries < 100; tries++) {
    await new Promise((resolve) => setTimeout(resolve, 10))
  }
  await listener.close()
  return { refusals, served: await served }
}

async function rawClient(listener: Listener): Promise<TLSSocket> {
  const port = Number(listener.address.split(':').at(-1))
  const raw = connectTls({
    host: '127.0.0.1',
    port,
    ca: pem(hostB.ca),
    cert: pem(hostB.cert),
    key: pem(hostB.key),
    ALPNProtocols: ['vfio-migration/1'],
  })
  raw.on('error', () => undefined)
  await new Promise((resolve) => raw.once('data', resolve)) // the welcome
  return raw
}
