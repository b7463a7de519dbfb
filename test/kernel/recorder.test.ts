// SPDX-License-Identifier: MIT
// The flight recorder on devices of a real kernel: mtty (v2), and the project's module in both protocols.
import { afterAll, describe, expect, it } from 'vitest'
import { FlightRecorder, migrate, type RunReport } from '../../lib/index.js'
import { requires } from '../support/requirement.js'
import { DevicePool } from './support/device-pool.js'
import { hasTestModule } from './support/mdev.js'

const arcsOf = (report: RunReport, device: string | undefined): string[] =>
  report.timeline.flatMap((event) =>
    event.kind === 'state' && event.device === device ? [`${event.from} > ${event.to}`] : [],
  )

async function recorded(pool: DevicePool): Promise<RunReport> {
  const source = await pool.open()
  const destination = await pool.open()
  const recorder = new FlightRecorder()
  const moved = await migrate(source, destination, { preCopy: true, recorder, wiring: false })
  const report = recorder.report()
  expect(report.devices).toMatchObject([
    { side: 'source', bytesOut: moved.bytes },
    { side: 'destination', bytesIn: moved.bytes },
  ])
  expect(arcsOf(report, report.devices[0]?.name)).toEqual([
    'running > pre-copy',
    'pre-copy > stop-copy',
    'stop-copy > stop',
  ])
  expect(arcsOf(report, report.devices[1]?.name)).toEqual(['running > resuming', 'resuming > running'])
  expect(report.downtime?.parts.map(({ name }) => name)).toEqual(['stop', 'transfer', 'resume'])
  const { parts = [], totalMs } = report.downtime ?? {}
  const told = parts.map(({ name, ms }) => `${name} ${ms.toFixed(2)} ms`).join(', ')
  console.log(`${source.spec}: downtime ${totalMs?.toFixed(2)} ms (${told})`)
  return report
}

const mtty = (process.env.VFIO_TEST_MTTY ?? '').split(',').filter((uuid) => uuid !== '')
requires(
  'two mtty devices',
  mtty.length >= 2,
  'VFIO_TEST_MTTY names fewer; npm run test:kernel makes them',
).describe('a recorded migration of mtty', () => {
  const pool = DevicePool.of(mtty)
  afterAll(() => pool.clear())

  it('has its state changes, its features and its chunks', async () => {
    const report = await recorded(pool)
    const features = report.timeline.flatMap((event) => (event.kind === 'feature' ? [event] : []))
    expect(new Set(features.map(({ feature }) => feature))).toContain('migration-state')
    expect(features.every(({ durationNs }) => durationNs > 0)).toBe(true)
  })
})

requires(
  "the project's module",
  hasTestModule,
  'vfm_test is not loaded; npm run test:kernel loads it',
).describe("a recorded migration of the project's module", () => {
  describe.each(['v1-trapped', 'v1-mapped'])('%s', (type) => {
    const pool = DevicePool.ofModule(type, { state_bytes: 1 << 20, chunk_bytes: 128 << 10 })
    afterAll(() => pool.clear())

    it('has the registers of every round', async () => {
      const report = await recorded(pool)
      const [from] = report.devices
      const registers = report.timeline.flatMap((event) =>
        event.kind === 'register' && event.pumped && event.device === from?.name ? [event] : [],
      )
      expect(registers.filter(({ name }) => name === 'data_offset')).toHaveLength(from?.chunksOut ?? -1)
      expect(registers.filter(({ name }) => name === 'data_size')).toHaveLength(from?.chunksOut ?? -1)
    })
  })

  describe('v2', () => {
    const pool = DevicePool.ofModule('v2', { state_bytes: 1 << 20 })
    afterAll(() => pool.clear())

    it('has its chunks, with the time that the device took', async () => {
      const report = await recorded(pool)
      const chunks = report.timeline.flatMap((event) => (event.kind === 'chunk' ? [event] : []))
      expect(chunks.length).toBeGreaterThan(1)
      for (const { deviceNs, durationNs } of chunks) {
        expect(deviceNs).toBeGreaterThan(0)
        expect(deviceNs).toBeLessThanOrEqual(durationNs)
      }
    })
  })
})
