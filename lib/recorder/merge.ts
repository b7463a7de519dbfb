// SPDX-License-Identifier: MIT
import type { RunReport, RunSide, TimelineEvent } from './run-report.js'

/** How the destination's clock stands to the source's. */
export interface ClockRelation {
  /**
   * What to subtract from a time of the destination's timeline to have it on the source's, in nanoseconds. 0 where nothing is known.
   */
  readonly offsetNs: number
  /** How far off that may be; `null` where nobody can say. */
  readonly uncertaintyNs: number | null
  /**
   * `messages`: from the times of control messages, none of which arrived before it was sent. `mark`: a mark of the same name on both sides,
   * taken for the same moment. `start`: nothing in common; both timelines are laid with their zeros together.
   */
  readonly from: 'messages' | 'mark' | 'start'
}

/** One event of two sides. */
export type SidedEvent = TimelineEvent & { readonly side: RunSide }

/** One migration, as both hosts saw it. */
export interface MergedReport {
  readonly format: 'vfio-migration-merged-run'
  readonly version: 1
  readonly ok: boolean
  readonly source: RunReport
  readonly destination: RunReport
  readonly clock: ClockRelation
  /** Both timelines, on the source's clock. */
  readonly timeline: readonly SidedEvent[]
}

/** Puts the reports of a migration's two sides together. Neither is changed: what they say on their own clocks is still in them. */
export function mergeReports(source: RunReport, destination: RunReport): MergedReport {
  const clock = relationOf(source.timeline, destination.timeline)
  const timeline: SidedEvent[] = [
    ...source.timeline.map((event) => ({ ...event, side: 'source' as const })),
    ...destination.timeline.map((event) => ({
      ...event,
      ns: event.ns - clock.offsetNs,
      side: 'destination' as const,
    })),
  ].sort((one, other) => one.ns - other.ns)
  return {
    format: 'vfio-migration-merged-run',
    version: 1,
    ok: source.ok && destination.ok,
    source,
    destination,
    clock,
    timeline,
  }
}

function relationOf(source: readonly TimelineEvent[], destination: readonly TimelineEvent[]): ClockRelation {
  // A message arrives after it was sent: each one to the destination bounds the offset from above, each one back from below.
  const most = Math.min(...delays(messages(source, 'out'), messages(destination, 'in')))
  const least = -Math.min(...delays(messages(destination, 'out'), messages(source, 'in')))
  if (Number.isFinite(most) && Number.isFinite(least)) {
    return {
      offsetNs: (most + least) / 2,
      uncertaintyNs: Math.abs(most - least) / 2,
      from: 'messages',
    }
  }
  const bound = Number.isFinite(most) ? most : least
  if (Number.isFinite(bound)) return { offsetNs: bound, uncertaintyNs: null, from: 'messages' }
  const marks = new Map<string, number>()
  for (const event of source) if (event.kind === 'mark') marks.set(event.name, event.ns)
  for (const event of destination) {
    const same = event.kind === 'mark' ? marks.get(event.name) : undefined
    if (same !== undefined) return { offsetNs: event.ns - same, uncertaintyNs: null, from: 'mark' }
  }
  return { offsetNs: 0, uncertaintyNs: null, from: 'start' }
}

/**
 * When each message passed, by its kind and number. One that was lost on its way shifts the numbers after it: they then name one that was sent
 * earlier, which loosens a bound and never breaks it.
 */
function messages(timeline: readonly TimelineEvent[], direction: 'out' | 'in'): Map<string, number> {
  const found = new Map<string, number>()
  for (const event of timeline) {
    if (event.kind !== 'message' || event.direction !== direction || event.nth === undefined) continue
    found.set(`${event.message} ${event.nth}`, event.ns)
  }
  return found
}

function delays(sent: ReadonlyMap<string, number>, received: ReadonlyMap<string, number>): number[] {
  const found: number[] = []
  for (const [message, at] of received) {
    const left = sent.get(message)
    if (left !== undefined) found.push(at - left)
  }
  return found
}
