// SPDX-License-Identifier: MIT
import { readdirSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { type Connection, connect, listen } from '../../../lib/transport/index.js'
import { eventually } from '../ownership/places.js'
import { Ends, hostA, hostB, kinds, TestFolder, tlsIdentity } from './ends.js'

const open = (): number => readdirSync('/proc/self/fd').length
const threads = (): number => readdirSync('/proc/self/task').length

/** As many as before, once everything that ends by itself has ended. */
async function leavesNothing(round: () => Promise<void>, rounds: number): Promise<void> {
  for (let warm = 0; warm < 3; warm++) await round()
  const before = { fds: open(), threads: threads() }
  for (let count = 0; count < rounds; count++) await round()
  await eventually(() => open() <= before.fds && threads() <= before.threads).catch(() => undefined)
  const more = { fds: Math.max(0, open() - before.fds), threads: Math.max(0, threads() - before.threads) }
  expect(more).toEqual({ fds: 0, threads: 0 })
}

describe('nothing stays open', () => {
  it.each(kinds)(
    'of 200 connections over %s, used, ended and broken in every way',
    { timeout: 60_000 },
    async (kind) => {
      using folder = new TestFolder()
      const address = kind === 'unix' ? `unix:${folder.at('socket')}` : `${kind}:127.0.0.1:0`
      await using listener = await listen(address, { tls: hostA })
      let round = 0
      await leavesNothing(async () => {
        const [server, client] = (await Promise.all([
          listener.accept(),
          connect(listener.address, { tls: hostB }),
        ])) as [Connection, Connection]
        await client.send(Buffer.from('hello'))
        await server.receive()
        switch (round++ % 4) {
          case 0: {
            await client.close()
            await server.close()
            break
          }
          case 1: {
            client.destroy()
            server.destroy()
            await client.close()
            await server.close()
            break
          }
          case 2: {
            const [out, incoming] = await Promise.all([client.bulk('out'), server.bulk('in')])
            await Promise.all([out.finish(), incoming.finish()])
            await out.close()
            await incoming.close()
            break
          }
          default: {
            const [out, incoming] = await Promise.all([client.bulk('out'), server.bulk('in')])
            out.destroy()
            await incoming.close()
            await out.close()
          }
        }
      }, 200)
    },
  )

  it('of clients that were refused, and of connections that were not made', { timeout: 60_000 }, async () => {
    await using listener = await listen('tls:127.0.0.1:0', { tls: hostA })
    const accepting = listener.accept()
    await leavesNothing(async () => {
      await expect(connect(listener.address, { tls: tlsIdentity('stranger') })).rejects.toThrow()
      await expect(connect('tcp:127.0.0.1:1', { timeout: 1000 })).rejects.toThrow()
      await expect(connect(listener.address, { tls: hostB, signal: AbortSignal.abort() })).rejects.toThrow()
    }, 30)
    await listener.close()
    expect(await accepting).toBeUndefined()
  })

  it('of listeners', async () => {
    await leavesNothing(async () => {
      await using _ends = await Ends.over('unix')
    }, 30)
  })
})
