// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { bed, transfer } from '../engine/two-engines.js'
import { DmaBench, firstDifference } from './bench.js'

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
