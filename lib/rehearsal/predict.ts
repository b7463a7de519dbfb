// SPDX-License-Identifier: MIT
import { formatBytes } from '../quantity.js'
import type { Observed, RehearsalOptions } from './options.js'
import type { DowntimePartFigure, Figure, Prediction } from './prediction.js'
import { effectiveRate } from './void-pump.js'

/** Where nobody measured and nobody said: bytes per second. */
const ASSUMED_RATE = 2 ** 30

type Given = Pick<RehearsalOptions, 'bandwidth' | 'loadRate'>

const measured = (value: number, how: string): Figure => ({ value, basis: 'measured', how })
const given = (value: number, how: string): Figure => ({ value, basis: 'given', how })
const unknown = (how: string): Figure => ({ value: 0, basis: 'unknown', how })
const assumed = (value: number, how: string): Figure => ({ value, basis: 'assumed', how })

/** What a migration takes, by what a rehearsal saw. */
export function predict(seen: Observed, options: Given, at: Date = new Date()): Prediction {
  const readRate =
    seen.readRate === undefined
      ? assumed(ASSUMED_RATE, 'nothing was read; 1 GiB/s for want of anything better')
      : measured(seen.readRate, 'reading the device')
  const loadRate =
    options.loadRate === undefined
      ? assumed(readRate.value, 'the destination loads as fast as the device is read')
      : given(options.loadRate, 'as given')
  const bandwidth =
    options.bandwidth === undefined
      ? assumed(
          effectiveRate(readRate.value, options),
          'a destination on this host: each chunk is read, then loaded',
        )
      : given(options.bandwidth, 'as given: a destination on another host')
  const quiesce = quiescePart(seen)
  const stopCopyBytes = stopCopyBytesOf(seen, quiesce.value)
  const parts = [
    quiesce,
    stopPart(seen),
    ...movingParts(stopCopyBytes, seen, options, readRate, loadRate),
    resumePart(seen),
  ]
  const downtimeMs = parts.reduce((sum, { value }) => sum + value, 0)
  const { preCopy } = seen
  const preCopyMs =
    preCopy === undefined
      ? given(0, 'no pre-copy was rehearsed')
      : measured(preCopy.ms, 'until the policy decided')
  const preCopyBytes =
    preCopy === undefined
      ? given(0, 'no pre-copy was rehearsed')
      : measured(preCopy.bytes, 'read in pre-copy')
  return {
    version: 1,
    device: seen.device,
    ...(seen.driver === undefined ? {} : { driver: seen.driver }),
    protocol: seen.protocol,
    rehearsedAt: at.toISOString(),
    steps: [...seen.steps],
    ...(preCopy === undefined
      ? {}
      : {
          switchover: {
            decision: preCopy.decision,
            rounds: preCopy.rounds,
            ...(preCopy.reason === undefined ? {} : { reason: preCopy.reason }),
          },
        }),
    readRate,
    bandwidth,
    loadRate,
    ...(seen.dirtyRate === undefined
      ? {}
      : { dirtyRate: measured(seen.dirtyRate, 'the growth of what was read and what was left') }),
    preCopyBytes,
    stopCopyBytes,
    bytes: Math.round(preCopyBytes.value + stopCopyBytes.value),
    preCopyMs,
    downtime: { ms: downtimeMs, atLeast: parts.some(({ basis }) => basis === 'unknown'), parts },
    totalMs: preCopyMs.value + downtimeMs,
    warnings: [...seen.warnings],
  }
}

function quiescePart(seen: Observed): DowntimePartFigure {
  const name = 'quiesce'
  if (!seen.p2p) return { name, ...given(0, 'the device has no P2P states') }
  if (seen.quiesceMs !== undefined) return { name, ...measured(seen.quiesceMs, 'to the P2P state') }
  return {
    name,
    ...assumed(0, seen.stopped ? 'part of the stop' : 'part of the stop; measured only with --quiesce'),
  }
}

function stopPart({ stopped, preCopy }: Observed): DowntimePartFigure {
  const name = 'stop'
  if (stopped !== undefined) return { name, ...measured(stopped.stopMs, 'to stop-copy') }
  if (preCopy !== undefined) {
    return {
      name,
      ...assumed(preCopy.enterMs, 'as long as it took to enter pre-copy; measured only with --stop'),
    }
  }
  return { name, ...unknown('measured only with --stop') }
}

function resumePart({ stopped, preCopy }: Observed): DowntimePartFigure {
  const name = 'resume'
  if (stopped !== undefined) {
    return { name, ...assumed(stopped.resumeMs, 'as long as this device took from stop to running') }
  }
  if (preCopy?.leaveMs !== undefined) {
    return { name, ...assumed(preCopy.leaveMs, 'as long as this device took from pre-copy to running') }
  }
  return { name, ...unknown('nothing was rehearsed that is like it') }
}

function stopCopyBytesOf(seen: Observed, quiesceMs: number): Figure {
  if (seen.stopped !== undefined) return measured(seen.stopped.bytes, 'read in stop-copy')
  const { left, onItsWay = 0 } = seen.preCopy ?? {}
  if (left !== undefined) {
    const dirtied = ((seen.dirtyRate ?? 0) * quiesceMs) / 1000
    const also = [
      ...(onItsWay < 1 ? [] : ['a chunk on its way']),
      ...(dirtied < 1 ? [] : [`${formatBytes(dirtied)} dirtied until it is quiet`]),
    ]
    return assumed(left + onItsWay + dirtied, ['what the device said was left', ...also].join(', '))
  }
  if (seen.estimate !== undefined)
    return assumed(seen.estimate, 'what the running device said stop-copy yields')
  return unknown('the device does not say it; measured only with --stop')
}

/** From the first byte to the last one loaded. What overlaps is counted once: a part is what it adds to the ones before it. */
function movingParts(
  bytes: Figure,
  { stopped }: Observed,
  { bandwidth }: Given,
  readRate: Figure,
  loadRate: Figure,
): DowntimePartFigure[] {
  const ms = (rate: number): number => (bytes.value / rate) * 1000
  if (bytes.basis === 'unknown') {
    return [
      { name: 'drain', ...unknown('it is unknown what stop-copy yields') },
      { name: 'transfer', ...unknown('it is unknown what stop-copy yields') },
      { name: 'load', ...unknown('it is unknown what stop-copy yields') },
    ]
  }
  const drain =
    stopped === undefined
      ? assumed(ms(readRate.value), 'what stop-copy yields, as fast as the device was read')
      : measured(stopped.drainMs, 'read to its end')
  const load = ms(loadRate.value)
  if (bandwidth === undefined) {
    return [
      { name: 'drain', ...drain },
      { name: 'transfer', ...given(0, 'a destination on this host') },
      { name: 'load', ...assumed(load, 'after each chunk was read, at the rate of loading') },
    ]
  }
  const onItsWay = ms(bandwidth)
  const transfer = Math.max(0, onItsWay - drain.value)
  return [
    { name: 'drain', ...drain },
    { name: 'transfer', ...given(transfer, 'at the bandwidth given, beyond the time it takes to read') },
    {
      name: 'load',
      ...assumed(Math.max(0, load - drain.value - transfer), 'beyond the time it takes to arrive'),
    },
  ]
}
