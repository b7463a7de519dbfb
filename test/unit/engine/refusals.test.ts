// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { type MemoryOwner, type ReceiveOptions, receive, type SendOptions, send } from '../../../lib/index.js'
import { bed, open, quick, transfer } from './two-engines.js'

const V2 = 'sim:v2,state=1MiB'

/** What a receiver that goes on listening said to a source it refused. */
async function refused(
  sources: readonly string[],
  destinations: readonly string[],
  options: { readonly send?: Partial<SendOptions>; readonly receive?: Partial<ReceiveOptions> } = {},
) {
  await using two = await bed()
  await using from = await open(...sources)
  await using to = await open(...destinations)
  const stop = new AbortController()
  const told: string[] = []
  const both = transfer(two, from, to, {
    ...options,
    receive: {
      ...options.receive,
      signal: stop.signal,
      onRefused: (_, error) => {
        told.push(error.code)
        stop.abort()
      },
    },
  })
  const { sent, received } = await both
  const states = await Promise.all([...from, ...to].map(async (device) => (await device.migration()).state()))
  return { sent, received, told, states }
}

describe('a migration that cannot be is refused before anything is touched:', () => {
  it.each([
    ['another number of devices', [V2, V2], [V2], 'ERR_VFIO_INCOMPATIBLE'],
    ['another protocol', [V2], ['sim:v1,state=1MiB'], 'ERR_VFIO_INCOMPATIBLE'],
    ['another size', [V2], ['sim:v2,state=2MiB'], 'ERR_VFIO_INCOMPATIBLE'],
  ])('%s', async (_, sources, destinations, code) => {
    const { sent, told, states } = await refused(sources, destinations)
    expect(sent).toMatchObject({ status: 'rejected', reason: { code, outcome: 'aborted', phase: 'connect' } })
    expect(told).toEqual([code])
    expect(new Set(states)).toEqual(new Set(['running']))
  })

  it('a token that is wrong', async () => {
    const { sent, told } = await refused([V2], [V2], {
      send: { token: 'not the one that is wanted' },
      receive: { tokens: ['0123456789abcdef'] },
    })
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'ERR_VFIO_UNAUTHORISED' } })
    expect(told).toEqual(['ERR_VFIO_UNAUTHORISED'])
  })

  it('memory that nobody is there to take', async () => {
    const memory: MemoryOwner = {
      ranges: [{ iova: 0n, length: 4096n }],
      begin: () => Promise.reject(new Error('nobody wants it')),
      send: () => Promise.reject(new Error('nobody wants it')),
      finish: async () => {},
      close: async () => {},
    }
    const { sent } = await refused([V2], [V2], { send: { memory } })
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'ERR_VFIO_INCOMPATIBLE' } })
  })
})

describe('who may load must be said:', () => {
  it.each([
    ['tcp:127.0.0.1:0', {}],
    ['tls:127.0.0.1:0', {}],
    ['tcp:127.0.0.1:0', { allow: [{ certificate: 'a.example' }] }],
    ['tcp:127.0.0.1:0', { tokens: ['short'] }],
  ])('%s with %o is refused', async (listen, options) => {
    await using devices = await open(V2)
    await expect(receive(devices, { listen, ...options })).rejects.toMatchObject({
      code: 'ERR_VFIO_UNAUTHORISED',
    })
  })

  it('all interfaces are not listened at by default', async () => {
    await using devices = await open(V2)
    await expect(
      receive(devices, { listen: 'tcp:0.0.0.0:0', tokens: ['0123456789abcdef'] }),
    ).rejects.toMatchObject({ code: 'ERR_VFIO_ADDRESS', outcome: 'refused' })
  })
})

it('a token is good for one migration', async () => {
  await using two = await bed()
  const token = 'a token of some length'
  await using first = await open(`${V2},seed=1`)
  await using second = await open(`${V2},seed=2`)
  await using destination = await open(V2)
  const address = 'tcp:127.0.0.1:0'
  const one = await transfer({ ...two, address }, first, destination, {
    send: { token },
    receive: { tokens: [token] },
  })
  expect(one.sent.status).toBe('fulfilled')
  let tell: (address: string) => void = () => {}
  const listening = new Promise<string>((resolve) => {
    tell = resolve
  })
  const stop = new AbortController()
  const receiving = receive(destination, {
    listen: address,
    journal: two.destinationJournal,
    tokens: ['another token of some length'],
    times: quick,
    signal: stop.signal,
    onListening: (at) => tell(at),
  })
  await expect(
    send(second, { to: await listening, token, journal: two.sourceJournal, times: quick }),
  ).rejects.toMatchObject({ code: 'ERR_VFIO_UNAUTHORISED' })
  stop.abort()
  await expect(receiving).rejects.toMatchObject({ name: 'AbortError', outcome: 'refused' })
})

it('an id is used once, on either side', async () => {
  await using two = await bed()
  await using sources = await open(`${V2},seed=1`)
  await using destinations = await open(V2)
  const first = await transfer(two, sources, destinations, { send: { id: 'once' } })
  expect(first.sent.status).toBe('fulfilled')
  await expect(
    send(sources, { to: two.address, id: 'once', journal: two.sourceJournal }),
  ).rejects.toMatchObject({ code: 'ERR_VFIO_ID_USED', outcome: 'refused' })
  const { sent, told } = await refused([V2], [V2], {
    send: { id: 'once' },
    receive: { journal: two.destinationJournal },
  })
  expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'ERR_VFIO_ID_USED' } })
  expect(told).toEqual(['ERR_VFIO_ID_USED'])
})

it('a destination that nobody is at ends the migration with the source running', async () => {
  await using two = await bed()
  await using sources = await open(`${V2},seed=1`)
  const failed = send(sources, { to: two.address, journal: two.sourceJournal, times: quick })
  await expect(failed).rejects.toMatchObject({
    code: 'ERR_VFIO_PEER_LOST',
    outcome: 'aborted',
    devices: [{ state: 'running' }],
  })
})
