// SPDX-License-Identifier: MIT
// Devices of a real kernel that do DMA while they move to another process, with the memory that they write.
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest'
import { DmaBuffer, dmaMemory, openDevice, send } from '../../lib/index.js'
import { expectedMemory } from '../support/generator.js'
import { lastMoment } from '../support/memory-owners.js'
import { startMemoryReceiver } from '../support/memory-receiver.js'
import { requires } from '../support/requirement.js'
import { TestDevice } from '../support/test-device.js'
import { createTestDevice, hasTestModule, removeDevice } from './support/mdev.js'

const PAGE = 4096
const SIZE = 4 * 2 ** 20
const IOVA = 0x1000_0000n

requires(
  "the project's module",
  hasTestModule,
  'vfm_test is not loaded; npm run test:kernel loads it',
).describe('a device of the module that moves with its memory to another process', () => {
  describe.each([
    ['v2', 'device-log'],
    ['v1-mapped', 'type1'],
  ] as const)('%s, tracked by %s', (type, mechanism) => {
    let folder = ''
    const uuids: string[] = []
    beforeAll(() => {
      for (let count = 0; count < 2; count++)
        uuids.push(
          createTestDevice(type, {
            state_bytes: 1 << 20,
            ...(type === 'v2' ? {} : { chunk_bytes: 128 << 10 }),
          }),
        )
    })
    afterAll(async () => {
      for (const uuid of uuids) await removeDevice(uuid)
    })
    afterEach(() => rmSync(folder, { recursive: true, force: true }))

    it('has all that it wrote, to the last moment', { timeout: 180_000 }, async () => {
      folder = mkdtempSync(join(tmpdir(), 'vfm-memory-'))
      const [from = '', to = ''] = uuids
      await using device = await openDevice(from)
      await using buffer = await DmaBuffer.allocate(SIZE)
      const bytes = new Uint8Array(buffer.buffer)
      bytes.set(expectedMemory(1, SIZE / 2))
      await (await device.addressSpace()).map(buffer, { iova: IOVA })
      const test = await TestDevice.of(device)
      await test.setBusMaster(true)
      const { received } = await startMemoryReceiver({
        spec: to,
        socket: join(folder, 'socket'),
        journal: join(folder, 'destination'),
        iova: IOVA,
        size: SIZE,
      })
      let stopped = false
      const writing = (async () => {
        let count = 0
        for (; !stopped; count++) {
          const at = IOVA + BigInt(((count * 7) % (SIZE / PAGE)) * PAGE + 50)
          const status = await test.dmaWrite(at, 1000, count).catch(() => -1)
          if (status !== 0) break
        }
        return count
      })()
      const memory = dmaMemory([{ iova: IOVA, buffer }])
      // v1 has no pre-copy: nobody is asked before it stops.
      const options =
        type === 'v2'
          ? lastMoment(memory, async () => {
              stopped = true
              await writing
              expect(await test.dmaWrite(IOVA + 3n * BigInt(PAGE), 1000, 77)).toBe(0)
            })
          : { memory, memoryLimits: { rounds: 3, pause: 20 } }
      const report = await send([device], {
        to: `unix:${join(folder, 'socket')}`,
        journal: join(folder, 'source'),
        ...options,
      }).finally(() => {
        stopped = true
      })
      const count = await writing
      const digest = createHash('sha256').update(bytes).digest('hex')
      expect(await received).toMatchObject({ digest, state: 'running', dmaStatus: 0 })
      expect(count).toBeGreaterThan(10)
      const moved = report.memory
      expect(moved).toMatchObject({ tracking: [{ mechanism }], incompleteRounds: 0 })
      expect(moved?.rounds).toBeGreaterThan(2)
      // What was tracked is what was written, not everything.
      expect(moved?.finalBytes).toBeLessThan(SIZE)
      if (type === 'v2') expect(moved?.finalBytes).toBeGreaterThanOrEqual(PAGE)
      console.log(
        `${type}: ${count} DMA writes, ${moved?.rounds} rounds, ${moved?.bytes} bytes of memory, ${moved?.finalBytes} of them in ` +
          `${moved?.finalMs.toFixed(1)} ms of a downtime of ${report.downtimeMs.toFixed(1)} ms; ${moved?.settled}`,
      )
    })
  })
})
