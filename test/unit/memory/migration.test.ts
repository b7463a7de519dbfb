// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { AddressSpace, type MemoryOwner, type SendOptions } from '../../../lib/index.js'
import { expectedMemory } from '../../support/generator.js'
import { following, lastMoment } from '../../support/memory-owners.js'
import { type Bed, type Both, bed, transfer } from '../engine/two-engines.js'
import { DmaBench, firstDifference, IOVA, PAGE } from './bench.js'

const SIZES = [4 * 2 ** 20, 2 ** 20]

describe.each([
  ['device-log', 'sim:v2,state=1MiB', true],
  ['device-log', 'sim:v2,state=1MiB', false],
  ['device-log', 'sim:v2,state=1MiB,precopy=off', true],
  ['table', 'sim:v1,state=1MiB,chunk=64KiB', true],
])('a device that does DMA while it moves, tracked by %s: %s, pre-copy %s', (mechanism, spec, preCopy) => {
  it('has all of its memory at the destination', async () => {
    await using two = await bed()
    await using source = await DmaBench.of(`${spec},seed=7`, SIZES)
    await using destination = await DmaBench.of(spec, SIZES)
    source.fill(1)
    source.bytes(0).fill(0, 2 ** 20, 2 * 2 ** 20)
    destination.fill(99)
    const writing = source.writeUntilStopped()
    const { sent, received } = await transfer(two, [source.device], [destination.device], {
      send: { preCopy, memory: source.memory, memoryLimits: { rounds: 4, pause: 10 } },
      receive: { memory: destination.memory },
    })
    if (sent.status === 'rejected') throw sent.reason
    if (received.status === 'rejected') throw received.reason
    expect(await writing).toBeGreaterThan(10)
    expect(firstDifference(source, destination)).toBeUndefined()
    const { memory } = sent.value
    expect(memory).toMatchObject({ tracking: [{ mechanism }], incompleteRounds: 0 })
    expect(memory?.rounds).toBeGreaterThan(2)
    expect(memory?.bytes).toBeGreaterThanOrEqual(5 * 2 ** 20)
    expect(memory?.finalBytes).toBeLessThan(5 * 2 ** 20)
  })
})

const quickly = { memoryLimits: { rounds: 3, pause: 5 } }

function move(
  two: Bed,
  source: DmaBench,
  destination: DmaBench,
  options: Partial<SendOptions> = {},
): Promise<Both> {
  return transfer(two, [source.device], [destination.device], {
    send: { preCopy: true, memory: source.memory, ...quickly, ...options },
    receive: { memory: destination.memory },
  })
}

async function fresh(faults = ''): Promise<[DmaBench, DmaBench]> {
  const source = await DmaBench.of(`sim:v2,state=1MiB,seed=7${faults}`, SIZES)
  const destination = await DmaBench.of('sim:v2,state=1MiB', SIZES)
  source.fill(1)
  destination.fill(99)
  return [source, destination]
}

describe('the last writes before the stop', () => {
  it('are in the final round, as are those of the program itself', async () => {
    await using two = await bed()
    const [source, destination] = await fresh()
    await using _ = source
    await using __ = destination
    const memory = source.memory
    const { sent } = await move(two, source, destination, {
      ...lastMoment(memory, async () => {
        expect(await source.test.dmaWrite(IOVA + BigInt(3 * PAGE), 100, 40)).toBe(0)
        source.bytes(1).fill(77, 5000, 5003)
        memory.touch((source.parts[1]?.iova ?? 0n) + 5000n, 3)
      }),
    })
    if (sent.status === 'rejected') throw sent.reason
    expect(sent.value.memory?.finalBytes).toBe(2 * PAGE)
    expect(firstDifference(source, destination)).toBeUndefined()
  })
})

describe('several devices', () => {
  it('in one address space and out of it have their writes united', async () => {
    await using two = await bed()
    const specs = ['sim:v2,state=1MiB', 'sim:v1,state=1MiB', 'sim:v1,state=1MiB', 'sim:v2,state=1MiB']
    await using space = AddressSpace.create()
    await using other = AddressSpace.create()
    const first = await DmaBench.of(specs[0] as string, SIZES, { addressSpace: space })
    const sources = [first]
    for (const spec of specs.slice(1, 3))
      sources.push(await DmaBench.of(spec, first.buffers, { addressSpace: space }))
    sources.push(await DmaBench.of(specs[3] as string, first.buffers))
    const destinations = [await DmaBench.of(specs[0] as string, SIZES, { addressSpace: other })]
    for (const spec of specs.slice(1))
      destinations.push(
        await DmaBench.of(spec, destinations[0]?.buffers as typeof first.buffers, { addressSpace: other }),
      )
    first.fill(1)
    const { sent } = await transfer(
      two,
      sources.map(({ device }) => device),
      destinations.map(({ device }) => device),
      {
        send: {
          allowWithoutP2p: true,
          ...lastMoment(first.memory, async () => {
            for (const [index, { test }] of sources.entries())
              expect(await test.dmaWrite(IOVA + BigInt(2 * index * PAGE), 64, index)).toBe(0)
          }),
        },
        receive: { allowWithoutP2p: true, memory: (destinations[0] as DmaBench).memory },
      },
    )
    if (sent.status === 'rejected') throw sent.reason
    expect(sent.value.memory?.tracking.map(({ mechanism }) => mechanism)).toEqual([
      'device-log',
      'table',
      'table',
      'device-log',
    ])
    expect(sent.value.memory?.finalBytes).toBe(4 * PAGE)
    expect(firstDifference(first, destinations[0] as DmaBench)).toBeUndefined()
    for (const bench of [...sources, ...destinations]) await bench[Symbol.asyncDispose]()
  })
})

describe('tracking that fails', () => {
  it.each([
    ['once', ':nth=2', 1],
    ['from then on', ':nth=2:count=1000', 2],
  ])('%s has everything sent again, and nothing is lost', async (_, times, failures) => {
    await using two = await bed()
    const [source, destination] = await fresh(`,fail=dma-log-report:EIO${times}`)
    await using __ = source
    await using ___ = destination
    const { sent } = await move(two, source, destination, {
      ...lastMoment(source.memory, async () => {
        expect(await source.test.dmaWrite(IOVA + BigInt(3 * PAGE), 100, 40)).toBe(0)
      }),
    })
    if (sent.status === 'rejected') throw sent.reason
    expect(firstDifference(source, destination)).toBeUndefined()
    const { memory } = sent.value
    expect(memory?.incompleteRounds).toBe(failures)
    expect(memory?.finalBytes).toBe(failures === 1 ? PAGE : 5 * 2 ** 20)
    expect(memory?.bytes).toBe(2 * 5 * 2 ** 20 + (memory?.finalBytes ?? 0))
  })

  it('because what is mapped was changed counts as a failure', async () => {
    await using two = await bed()
    const [source, destination] = await fresh()
    await using v1 = await DmaBench.of('sim:v1,state=1MiB', source.buffers)
    await using target = await DmaBench.of('sim:v1,state=1MiB', destination.buffers)
    const { sent } = await move(two, v1, target, {
      memory: following(v1.memory, async (round) => {
        if (round === 2) await (await v1.device.addressSpace()).unmap(v1.parts[1]?.iova ?? 0n, SIZES[1] ?? 0)
      }),
    })
    if (sent.status === 'rejected') throw sent.reason
    expect(sent.value.memory?.incompleteRounds).toBe(1)
    expect(firstDifference(v1, target)).toBeUndefined()
    await source.device.close()
    await destination.device.close()
  })
})

describe('a migration that ends early', () => {
  async function aftermath(source: DmaBench, { sent, received }: Both): Promise<unknown> {
    expect([sent.status, received.status]).toEqual(['rejected', 'rejected'])
    expect(await (await source.device.migration()).state()).toBe('running')
    expect(Buffer.compare(source.bytes(0), expectedMemory(1, SIZES[0] as number))).toBe(0)
    // Nobody tracks any more: the log can be started.
    await source.device.dmaLog.start([{ iova: IOVA, length: 4096n }])
    await source.device.dmaLog.stop()
    // Nothing of the memory is still in use by it.
    return (sent as PromiseRejectedResult).reason
  }

  it.each([1, 2])('aborted in round %s leaves the source as it was', async (when) => {
    await using two = await bed()
    const [source, destination] = await fresh()
    await using _ = source
    await using __ = destination
    const giveUp = new AbortController()
    const both = await move(two, source, destination, {
      signal: giveUp.signal,
      memory: following(source.memory, async (round) => {
        if (round === when) giveUp.abort()
      }),
    })
    expect(await aftermath(source, both)).toMatchObject({ name: 'AbortError', outcome: 'aborted' })
  })

  it('because its owner fails says why', async () => {
    await using two = await bed()
    const [source, destination] = await fresh()
    await using _ = source
    await using __ = destination
    const inner = source.memory
    const failing: MemoryOwner = {
      ...following(inner, async () => {}),
      send: async (round) => {
        if (round.final) throw new Error('the guest is gone')
        return inner.send(round)
      },
    }
    const reason = await aftermath(source, await move(two, source, destination, { memory: failing }))
    expect(reason).toMatchObject({ message: expect.stringContaining('the guest is gone') })
  })

  it('because a device fails says why', async () => {
    await using two = await bed()
    const [source, destination] = await fresh(',fail=read:EIO:nth=3')
    await using _ = source
    await using __ = destination
    expect(await aftermath(source, await move(two, source, destination))).toMatchObject({ code: 'EIO' })
  })

  it('because the memory lies elsewhere there has written nothing', async () => {
    await using two = await bed()
    const [source, destination] = await fresh()
    await using _ = source
    await using smaller = await DmaBench.of('sim:v2,state=1MiB', [SIZES[0] as number])
    smaller.fill(3)
    const reason = await aftermath(source, await move(two, source, smaller))
    expect(reason).toMatchObject({ peer: { code: 'ERR_VFIO_INCOMPATIBLE' } })
    expect(Buffer.compare(smaller.bytes(0), expectedMemory(3, SIZES[0] as number))).toBe(0)
    await destination[Symbol.asyncDispose]()
  })
})

describe('a device that is never drained', () => {
  it('is stopped some time after its memory was settled, and not before', async () => {
    await using two = await bed()
    const [source, destination] = await fresh()
    await using _ = source
    await using __ = destination
    let rounds = 0
    const { sent } = await move(two, source, destination, {
      policy: () => 'continue',
      preCopyTimeout: 50,
      memoryLimits: { downtime: 1e9, pause: 100 },
      memory: following(source.memory, async (round) => {
        rounds = round
        if (round === 1) await new Promise((resolve) => setTimeout(resolve, 300))
      }),
    })
    if (sent.status === 'rejected') throw sent.reason
    expect(rounds).toBeGreaterThanOrEqual(2)
    expect(sent.value.memory?.settled).toBeDefined()
    expect(firstDifference(source, destination)).toBeUndefined()
  })
})
