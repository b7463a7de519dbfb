// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { FlightRecorder, mergeReports, type RunReport, type TimelineEvent } from '../../../lib/index.js'

const message = (direction: 'out' | 'in', name: string, ns: number, nth = 1): TimelineEvent => ({
  kind: 'message',
  direction,
  message: name,
  ns,
  nth,
})
const mark = (name: string, ns: number): TimelineEvent => ({ kind: 'mark', name, ns })

function report(timeline: readonly TimelineEvent[], ok = true): RunReport {
  return { ...new FlightRecorder().report(ok ? {} : { error: new Error('lost') }), timeline }
}

describe('two reports put together', () => {
  it('find the clocks from messages both ways, as exactly as the fastest of them', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -1e12, max: 1e12 }),
        fc.array(fc.record({ there: delay(), back: delay() }), { minLength: 1, maxLength: 8 }),
        (offset, trips) => {
          const source: TimelineEvent[] = []
          const destination: TimelineEvent[] = []
          let now = 1e6
          for (const [index, { there, back }] of trips.entries()) {
            const name = index % 2 === 0 ? 'ask' : 'tell'
            const nth = 1 + Math.floor(index / 2)
            source.push(message('out', name, now, nth))
            destination.push(message('in', name, now + there + offset, nth))
            destination.push(message('out', 'answer', now + there + 10 + offset, index + 1))
            source.push(message('in', 'answer', now + there + 10 + back, index + 1))
            now += 2e9
          }
          const { clock } = mergeReports(report(source), report(destination))
          expect(clock.from).toBe('messages')
          expect(Math.abs(clock.offsetNs - offset)).toBeLessThanOrEqual((clock.uncertaintyNs ?? 0) + 1)
          const fastest = (way: 'there' | 'back'): number => Math.min(...trips.map((trip) => trip[way]))
          expect(clock.uncertaintyNs).toBeCloseTo((fastest('there') + fastest('back')) / 2, -1)
        },
      ),
    )
  })

  it('are not misled by messages that one of them no longer has', () => {
    const early = [1, 2, 3].map((nth) => message('out', 'ask', nth * 100, nth))
    const late = [1, 2, 3].map((nth) => message('in', 'ask', nth * 100 + 30, nth))
    const back = [message('out', 'answer', 340), message('in', 'answer', 330)]
    const source = [...early.slice(2), back[1] as TimelineEvent]
    const { clock } = mergeReports(report(source), report([...late, back[0] as TimelineEvent]))
    expect(clock).toEqual({ offsetNs: 20, uncertaintyNs: 10, from: 'messages' })
  })

  it('keep bounds that hold when a message was lost on its way', () => {
    // The clocks agree. What was sent at 100 never came; what was sent at 200 came at 220 as the first.
    const source = [
      message('out', 'ask', 100, 1),
      message('out', 'ask', 200, 2),
      message('in', 'answer', 300, 1),
    ]
    const destination = [message('in', 'ask', 220, 1), message('out', 'answer', 250, 1)]
    const { clock } = mergeReports(report(source), report(destination))
    expect(Math.abs(clock.offsetNs)).toBeLessThanOrEqual(clock.uncertaintyNs ?? 0)
  })

  it('know a bound only from messages one way, and say so', () => {
    const { clock } = mergeReports(report([message('out', 'a', 100)]), report([message('in', 'a', 350)]))
    expect(clock).toEqual({ offsetNs: 250, uncertaintyNs: null, from: 'messages' })
  })

  it('take a mark that both have, where no message passed', () => {
    const { clock, timeline } = mergeReports(
      report([mark('begin', 100), mark('mine', 150)]),
      report([mark('theirs', 500), mark('begin', 900)]),
    )
    expect(clock).toEqual({ offsetNs: 800, uncertaintyNs: null, from: 'mark' })
    expect(timeline.map((event) => [event.side, event.ns])).toEqual([
      ['destination', -300],
      ['source', 100],
      ['destination', 100],
      ['source', 150],
    ])
  })

  it('are laid together at their zeros where nothing is common', () => {
    const { clock } = mergeReports(report([mark('a', 1)]), report([mark('b', 2)]))
    expect(clock).toEqual({ offsetNs: 0, uncertaintyNs: null, from: 'start' })
  })

  it('keep what each side said, and are well only if both are', () => {
    const [source, destination] = [report([]), report([], false)]
    const merged = mergeReports(source, destination)
    expect(merged.ok).toBe(false)
    expect(merged.source).toBe(source)
    expect(merged.destination).toBe(destination)
    expect(mergeReports(source, report([])).ok).toBe(true)
  })
})

function delay(): fc.Arbitrary<number> {
  return fc.integer({ min: 1, max: 5e8 })
}
