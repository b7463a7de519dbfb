// SPDX-License-Identifier: MIT
import * as fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { reservedBitsOf, stateOf, withState } from '../../../lib/migration/v1/state.js'

// The table of the v1 proposal (device_state, bits 2..0).
const table = [
  [0b000, 'stop'],
  [0b001, 'running'],
  [0b010, 'stop-copy'],
  [0b011, 'pre-copy'],
  [0b100, 'resuming'],
  [0b101, 'reserved-101'],
  [0b110, 'error'],
  [0b111, 'reserved-111'],
] as const

const askable = ['stop', 'running', 'stop-copy', 'pre-copy', 'resuming'] as const

describe('device_state', () => {
  it.each(table)('%i is %s, whatever the upper bits are', (bits, state) => {
    fc.assert(fc.property(fc.nat(0x1fff_ffff), (upper) => stateOf(((upper << 3) | bits) >>> 0) === state))
  })

  it('keeps bits 3-31 when a state is put in, and names them unsigned', () => {
    fc.assert(
      fc.property(fc.integer({ min: 0, max: 0xffff_ffff }), fc.constantFrom(...askable), (raw, state) => {
        const written = withState(raw, state)
        expect(written).toBeGreaterThanOrEqual(0)
        expect(Math.floor(written / 8)).toBe(Math.floor(raw / 8))
        expect(stateOf(written)).toBe(state)
        expect(reservedBitsOf(raw)).toBe(raw - (raw % 8))
      }),
    )
  })
})
