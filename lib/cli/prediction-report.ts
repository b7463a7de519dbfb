// SPDX-License-Identifier: MIT
// What a rehearsal predicts, and how the fact compares.
import { formatBytes, formatMs } from '../quantity.js'
import type { Comparison, Figure, Prediction, PredictionCheck } from '../rehearsal/index.js'
import type { CommandReport } from './command-run.js'
import { styled } from './style.js'
import { columns, facts } from './table.js'

export function predictionReport(prediction: Prediction): CommandReport {
  const { switchover, downtime, driver } = prediction
  const bytes = (value: number): string => formatBytes(value)
  const rate = (value: number): string => `${formatBytes(value)}/s`
  const rows: (readonly [string, Figure, (value: number) => string])[] = [
    ['reading', prediction.readRate, rate],
    ['loading', prediction.loadRate, rate],
    ['bandwidth', prediction.bandwidth, rate],
    ...(prediction.dirtyRate === undefined ? [] : [['dirtied', prediction.dirtyRate, rate] as const]),
    ['in pre-copy', prediction.preCopyBytes, bytes],
    ['', prediction.preCopyMs, formatMs],
    ['in stop-copy', prediction.stopCopyBytes, bytes],
    ...downtime.parts.map((part) => [`downtime: ${part.name}`, part, formatMs] as const),
  ]
  const text = [
    styled('bold', switchover?.decision === 'abort' ? 'would be given up' : 'prediction'),
    facts([
      ['device', driver === undefined ? prediction.device : `${prediction.device} (${driver})`],
      ['protocol', prediction.protocol],
      ['rehearsed', prediction.steps.length === 0 ? 'nothing, only estimates' : prediction.steps.join(', ')],
      ['switches', switchoverText(prediction)],
      ['moves', bytes(prediction.bytes)],
      ['takes', formatMs(prediction.totalMs)],
      ['downtime', `${downtime.atLeast ? 'more than ' : ''}${formatMs(downtime.ms)}`],
    ]),
    '',
    columns(
      ['INPUT', 'VALUE', 'BASIS', 'HOW'],
      rows.map(([name, { value, basis, how }, format]) => [
        name,
        basis === 'unknown' ? '?' : format(value),
        basis,
        how,
      ]),
    ),
  ].join('\n')
  return { json: { ok: true, prediction }, text }
}

function switchoverText({ switchover }: Prediction): string | undefined {
  if (switchover === undefined) return undefined
  const { rounds, reason } = switchover
  const when = rounds === 1 ? 'after 1 round' : `after ${rounds} rounds`
  return reason === undefined ? when : `${when}: ${reason}`
}

/** Rows for the report of a migration that was predicted. */
export function checkRows(check: PredictionCheck): (readonly [string, string])[] {
  const parts = Object.entries(check.parts).map(
    ([name, { predicted, actual }]) => `${name} ${formatMs(predicted)} (${formatMs(actual)})`,
  )
  return [
    [
      'predicted',
      `downtime ${compared(check.downtimeMs, formatMs)}, moved ${compared(check.bytes, formatBytes)}`,
    ],
    ...(parts.length === 0 ? [] : [['', parts.join(', ')] as const]),
  ]
}

function compared({ predicted, error }: Comparison, format: (value: number) => string): string {
  const percent = Math.abs(error * 100)
  if (percent < 1) return `${format(predicted)}, which is right`
  return `${format(predicted)}, ${percent.toFixed(0)} % too ${error < 0 ? 'low' : 'high'}`
}
