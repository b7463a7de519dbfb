// SPDX-License-Identifier: MIT
import { createHash } from 'node:crypto'
import { join } from 'node:path'
import { expect, it } from 'vitest'
import { send } from '../../../lib/index.js'
import { startMemoryReceiver } from '../../support/memory-receiver.js'
import { bed, quick } from '../engine/two-engines.js'
import { DmaBench, IOVA } from './bench.js'

const SIZE = 8 * 2 ** 20

it('a device that does DMA moves to another process with its memory', { timeout: 60_000 }, async () => {
  await using two = await bed()
  await using source = await DmaBench.of('sim:v2,state=1MiB,seed=3', [SIZE])
  source.fill(5)
  const { received } = await startMemoryReceiver({
    spec: 'sim:v2,state=1MiB',
    socket: join(two.folder, 'socket'),
    journal: two.destinationJournal,
    iova: IOVA,
    size: SIZE,
  })
  const writing = source.writeUntilStopped()
  const report = await send([source.device], {
    to: two.address,
    journal: two.sourceJournal,
    times: quick,
    preCopy: true,
    memory: source.memory,
    memoryLimits: { rounds: 3, pause: 10 },
  })
  expect(await writing).toBeGreaterThan(10)
  const digest = createHash('sha256').update(source.bytes()).digest('hex')
  expect(await received).toMatchObject({ digest, state: 'running', dmaStatus: 0 })
  expect(report.memory?.rounds).toBeGreaterThan(2)
})
