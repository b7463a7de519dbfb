// SPDX-License-Identifier: MIT
// What the commands report of devices and what moved between them: for people, and as data.

import type { PhaseReport, StreamReport, SwitchoverReport } from '../migration/report.js'
import { formatBytes, formatMs, formatRate } from '../quantity.js'
import type { DowntimeReport } from '../recorder/downtime.js'
import type { PredictionCheck } from '../rehearsal/index.js'
import type { ImageSummary } from '../stream/index.js'
import type { CommandReport } from './command-run.js'
import type { Ending } from './ending.js'
import { checkRows } from './prediction-report.js'
import { styled, styledState } from './style.js'
import { columns, facts } from './table.js'

/** One end of a migration. */
export interface Side {
  readonly device: string
  readonly state: string
  readonly digest?: string | undefined
}

/** What `migrate` yields, as far as it is reported. */
export interface MigrationFacts {
  readonly protocol: 'v1' | 'v2'
  readonly bytes: number
  readonly totalMs: number
  readonly downtimeMs: number
  readonly switchover?: SwitchoverReport
  readonly downtime: DowntimeReport
  readonly phases: readonly PhaseReport[]
}

export function migrationReport(
  moved: MigrationFacts,
  source: Side,
  destination: Side & { readonly ending?: Ending },
  ending?: string,
  check?: PredictionCheck,
): CommandReport {
  const lines = [
    styled('green', 'migrated'),
    facts([
      ['source', sideText(source)],
      ['destination', sideText(destination)],
      ...digestRows(source.digest, destination.digest),
      ['protocol', moved.protocol],
      ['moved', movedText(moved.bytes, moved.totalMs)],
      ['switched', switchoverText(moved.switchover)],
      ['downtime', downtimeText(moved.downtime)],
      ...(check === undefined ? [] : checkRows(check)),
    ]),
    '',
    phaseTable(moved.phases),
    ...(ending === undefined ? [] : [ending]),
  ]
  const json = {
    ...migrationJson(moved, source, destination),
    ...(check === undefined ? {} : { prediction: check }),
  }
  return { json: { ok: true, ...json }, text: lines.join('\n') }
}

/** The fields of one migration, in the order that is documented. */
export function migrationJson(
  moved: MigrationFacts,
  source: Side,
  destination: Side & { readonly ending?: Ending },
): Record<string, unknown> {
  return {
    protocol: moved.protocol,
    bytes: moved.bytes,
    totalMs: rounded(moved.totalMs),
    downtimeMs: rounded(moved.downtimeMs),
    ...(moved.switchover === undefined ? {} : { switchover: moved.switchover }),
    downtime: moved.downtime.parts.map(({ name, ms }) => ({ name, ms: rounded(ms) })),
    source,
    destination,
    phases: phasesJson(moved.phases),
  }
}

export function saveReport(
  saved: StreamReport,
  source: Side,
  file: { readonly path: string; readonly strong: boolean; readonly keyed: boolean },
): CommandReport {
  return {
    json: {
      ok: true,
      protocol: saved.protocol,
      bytes: saved.bytes,
      totalMs: rounded(saved.totalMs),
      stoppedMs: rounded(stoppedMs(saved)),
      ...(saved.switchover === undefined ? {} : { switchover: saved.switchover }),
      source,
      file: { ...file, bytes: saved.streamBytes, frames: saved.frames },
      phases: phasesJson(saved.phases),
    },
    text: [
      styled('green', 'saved'),
      facts([
        ['source', sideText(source)],
        ['digest', source.digest],
        ['file', `${file.path}, ${formatBytes(saved.streamBytes)} in ${saved.frames} frames`],
        ['integrity', integrityText(file.strong, file.keyed)],
        ['protocol', saved.protocol],
        ['moved', movedText(saved.bytes, saved.totalMs)],
        ['switched', switchoverText(saved.switchover)],
        ['stopped for', formatMs(stoppedMs(saved))],
      ]),
      '',
      phaseTable(saved.phases),
    ].join('\n'),
  }
}

export function verifyReport(path: string, summary: ImageSummary): CommandReport {
  const { bytes, frames, payloadBytes, ...rest } = summary
  return {
    json: { ok: true, path, ...rest, bytes, payloadBytes, frames },
    text: [
      `${styled('green', 'intact')}: ${path}`,
      facts([
        ['holds', summary.devices.map(deviceText).join(', ')],
        ['protocol', summary.protocol],
        ['written by', summary.producer],
        ['size', `${formatBytes(bytes)} in ${frames} frames, ${formatBytes(payloadBytes)} of it device data`],
        ['integrity', integrityText(summary.strong, summary.keyed)],
        ['authenticity', authenticityText(summary)],
      ]),
      '',
      columns(
        ['SECTION', 'DEVICE', 'KIND', 'FRAMES', 'BYTES'],
        summary.sections.map((section) => [
          String(section.section),
          String(section.device),
          section.kind,
          String(section.frames),
          formatBytes(section.bytes),
        ]),
      ),
    ].join('\n'),
  }
}

// What the source was out of service for, at least: without pre-copy all of it.
function stoppedMs({ phases }: StreamReport): number {
  return phases.filter(({ name }) => name !== 'pre-copy').reduce((sum, { ms }) => sum + ms, 0)
}

function deviceText({ identity }: ImageSummary['devices'][number]): string {
  return `${identity?.name ?? 'a device'} (${identity?.kind ?? 'kind unknown'})`
}

/** A side for people: what it is and where it ended. */
export function sideText({ device, state }: Side): string {
  return `${device}: ${styledState(state)}`
}

export function movedText(bytes: number, milliseconds: number): string {
  return `${formatBytes(bytes)} in ${formatMs(milliseconds)} (${formatRate(bytes, milliseconds)})`
}

function switchoverText(switchover: SwitchoverReport | undefined): string | undefined {
  if (switchover === undefined) return undefined
  const { rounds, reason } = switchover
  const when = rounds === 1 ? 'after 1 round' : `after ${rounds} rounds`
  return reason === undefined ? when : `${when}: ${reason}`
}

function digestRows(
  source: string | undefined,
  destination: string | undefined,
): (readonly [string, string | undefined])[] {
  if (source === undefined || destination === undefined) return [['digest', destination ?? source]]
  if (source === destination) return [['digest', `${destination} (equal on both sides)`]]
  return [
    ['digest', `${destination} (destination)`],
    ['', `${source} (source, before: it ran on after that, or its state did not arrive)`],
  ]
}

function integrityText(strong: boolean, keyed: boolean): string {
  return `CRC-32 per frame${strong || keyed ? ', SHA-256 per data frame' : ''}, SHA-256 over all headers${keyed ? ', HMAC-SHA256' : ''}`
}

function authenticityText({ keyed, authenticated }: ImageSummary): string {
  if (authenticated) return 'written by somebody who has the key'
  return keyed ? 'not checked: no --key-file was given' : 'none: anybody can have written it'
}

function phaseTable(phases: readonly PhaseReport[]): string {
  return columns(
    ['PHASE', 'TIME', 'BYTES', 'CHUNKS', 'RATE'],
    phases.map(({ name, ms, bytes, chunks }) => [
      name,
      formatMs(ms),
      formatBytes(bytes),
      String(chunks),
      bytes === 0 ? '-' : formatRate(bytes, ms),
    ]),
  )
}

function downtimeText({ totalMs, parts }: DowntimeReport): string {
  const told = parts.map(({ name, ms }) => `${name} ${formatMs(ms)}`).join(', ')
  return told === '' ? formatMs(totalMs) : `${formatMs(totalMs)} (${told})`
}

function phasesJson(phases: readonly PhaseReport[]): PhaseReport[] {
  return phases.map(({ name, ms, bytes, chunks }) => ({ name, ms: rounded(ms), bytes, chunks }))
}

// Microseconds are as exact as these clocks are.
function rounded(milliseconds: number): number {
  return Math.round(milliseconds * 1000) / 1000
}
