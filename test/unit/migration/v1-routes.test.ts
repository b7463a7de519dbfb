// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import type { MigrationState } from '../../../lib/migration/state.js'
import { directRoute, portableRoute } from '../../../lib/migration/v1/routes.js'

const five = ['running', 'pre-copy', 'stop-copy', 'stop', 'resuming'] as const
const dead = ['error', 'reserved-101', 'reserved-111', 'running-p2p', 'pre-copy-p2p', 'unknown-9'] as const

// What the drivers whose source can be read accept besides staying where they are, by their own tables.
const libvfioUser: Record<string, readonly string[]> = {
  running: ['stop', 'stop-copy', 'pre-copy', 'resuming'],
  'pre-copy': ['stop', 'stop-copy'],
  'stop-copy': ['stop', 'running'],
  stop: ['running'],
  resuming: ['running'],
}
const i915: Record<string, readonly string[]> = {
  running: ['stop', 'stop-copy', 'pre-copy', 'resuming'],
  'pre-copy': ['stop-copy'],
  'stop-copy': ['stop'],
  stop: ['running', 'stop-copy'],
  resuming: ['running'],
}

describe('portable routes', () => {
  for (const from of five) {
    for (const to of five) {
      it(`${from} to ${to} takes only arcs that every driver accepts`, () => {
        const route = portableRoute(from, to)
        if (route === undefined) return
        expect([route[0], route.at(-1)]).toEqual([from, to])
        expect(new Set(route).size).toBe(route.length)
        for (let at = 1; at < route.length; at++) {
          const [left, entered] = [route[at - 1] as string, route[at] as string]
          expect(libvfioUser[left]).toContain(entered)
          expect(i915[left]).toContain(entered)
        }
      })
    }
  }

  it('exist for every pair, except where the way would let a device run whose contents must not change', () => {
    const missing = five.flatMap((from) =>
      five.filter((to) => !portableRoute(from, to)).map((to) => `${from} ${to}`),
    )
    expect(missing.sort()).toEqual(['resuming stop', 'resuming stop-copy', 'stop stop-copy'])
  })

  it.each([
    ['running', 'pre-copy', ['running', 'pre-copy']],
    ['running', 'stop-copy', ['running', 'stop-copy']],
    ['running', 'resuming', ['running', 'resuming']],
    ['resuming', 'running', ['resuming', 'running']],
    ['pre-copy', 'running', ['pre-copy', 'stop-copy', 'stop', 'running']],
    ['stop-copy', 'running', ['stop-copy', 'stop', 'running']],
  ] as const)('%s to %s is the way of save, load and abort', (from, to, route) => {
    expect(portableRoute(from, to)).toEqual(route)
  })

  it.each(dead)('never begin or end in %s', (state: MigrationState) => {
    for (const other of five) {
      expect(portableRoute(state, other)).toBeUndefined()
      expect(portableRoute(other, state)).toBeUndefined()
      expect(directRoute(state, other)).toBeUndefined()
      expect(directRoute(other, state)).toBeUndefined()
    }
  })
})

it('a direct route is the arc itself', () => {
  expect(directRoute('pre-copy', 'running')).toEqual(['pre-copy', 'running'])
  expect(directRoute('stop', 'stop')).toEqual(['stop'])
})
