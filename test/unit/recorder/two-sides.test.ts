// SPDX-License-Identifier: MIT
// Two engines, each with a recorder of its own, and their reports put together.
import { setTimeout } from 'node:timers/promises'
import { describe, expect, it } from 'vitest'
import { chromeTrace, FlightRecorder, mergeReports, type RunReport } from '../../../lib/index.js'
import { bed, open, transfer } from '../engine/two-engines.js'

async function recordedTransfer(sourceSpecs: readonly string[], destinationSpecs: readonly string[]) {
  await using two = await bed()
  await using sources = await open(...sourceSpecs)
  await using destinations = await open(...destinationSpecs)
  const send = new FlightRecorder()
  // So that the two zeros differ by more than the clocks can be wrong.
  await setTimeout(20)
  const receive = new FlightRecorder()
  const ends = await transfer(two, sources, destinations, {
    send: { preCopy: true, recorder: send },
    receive: { recorder: receive },
  })
  return { ...ends, source: send.report(), destination: receive.report() }
}

const names = (report: RunReport, kind: 'message' | 'journal'): string[] =>
  report.timeline.flatMap((event) => {
    if (event.kind === 'message' && kind === 'message') return [`${event.direction} ${event.message}`]
    return event.kind === 'journal' && kind === 'journal' ? [event.record] : []
  })

describe('a migration between two engines', () => {
  it('is told by both, and put together on the clock of the source', async () => {
    const specs = ['sim:v2,state=1MiB,seed=1', 'sim:v2,state=1MiB,seed=2']
    const { sent, source, destination } = await recordedTransfer(specs, specs)
    if (sent.status === 'rejected') throw sent.reason
    expect([source.operation, destination.operation]).toEqual(['send', 'receive'])
    expect(source.devices.map(({ bytesOut }) => bytesOut)).toEqual(
      destination.devices.map(({ bytesIn }) => bytesIn),
    )
    expect(source.downtime).toEqual(sent.value.downtime)
    for (const { phases } of source.devices)
      expect(phases.reduce((sum, { bytes }) => sum + bytes, 0)).toBeGreaterThan(0)
    expect(names(source, 'message').some((name) => name.startsWith('out '))).toBe(true)
    expect(names(source, 'journal').length).toBeGreaterThan(0)
    expect(names(destination, 'journal').length).toBeGreaterThan(0)

    const { clock, timeline, ok } = mergeReports(source, destination)
    expect(ok).toBe(true)
    expect(clock.from).toBe('messages')
    const truth = Number(BigInt(source.zeroNs) - BigInt(destination.zeroNs))
    expect(Math.abs(clock.offsetNs - truth)).toBeLessThanOrEqual(clock.uncertaintyNs ?? -1)
    // A millisecond would be much for two engines in one process; a loaded machine may take more.
    expect(clock.uncertaintyNs).toBeLessThan(20e6)
    const running = timeline.filter(
      (event) => event.kind === 'state' && event.to === 'running' && event.side === 'destination',
    )
    const stopped = timeline.filter(
      (event) => event.kind === 'state' && event.to === 'stop-copy' && event.side === 'source',
    )
    expect(Math.min(...running.map(({ ns }) => ns))).toBeGreaterThan(Math.max(...stopped.map(({ ns }) => ns)))
  })

  it('has a trace with a process for each side', async () => {
    const { source, destination } = await recordedTransfer(
      ['sim:v2,state=1MiB,seed=1'],
      ['sim:v2,state=1MiB'],
    )
    const { traceEvents } = chromeTrace(mergeReports(source, destination))
    const cats = (pid: number): Set<string | undefined> =>
      new Set(traceEvents.filter((event) => event.pid === pid).map(({ cat }) => cat))
    for (const pid of [1, 2]) {
      for (const cat of ['phase', 'state', 'chunk', 'message', 'journal'])
        expect(cats(pid), `${pid}`).toContain(cat)
    }
  })

  it('that fails is told by both, each with what it knows', async () => {
    const { source, destination } = await recordedTransfer(
      ['sim:v2,state=1MiB,seed=2,fail=read:EIO:nth=2'],
      ['sim:v2,state=1MiB'],
    )
    expect(source).toMatchObject({ ok: false, error: { code: 'EIO' } })
    expect(destination).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_ABORTED_BY_PEER' } })
    expect(source.timeline.some((event) => event.kind === 'chunk' && event.error === 'EIO')).toBe(true)
    expect(destination.timeline.some((event) => event.kind === 'reset')).toBe(true)
    expect(mergeReports(source, destination).ok).toBe(false)
  })
})
