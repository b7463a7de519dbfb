// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { AccessGate } from '../../../lib/device/access-gate.js'

const BAR0 = 0
const ROM = 6
const CONFIG = 7
const VGA = 8
const MIGRATION = 9

function allowed(gate: AccessGate, region: number): boolean {
  try {
    gate.check(region, undefined)
    return true
  } catch (error) {
    expect(error).toMatchObject({ code: 'ERR_VFIO_REGION_FORBIDDEN', device: 'sim:v2' })
    return false
  }
}

describe('the gate in front of the regions', () => {
  it.each(['stop', 'stop-copy', 'resuming', 'error'])('closes the memory of a device in %s', (state) => {
    const gate = new AccessGate('sim:v2')
    gate.note(state)
    expect([BAR0, 5, ROM, CONFIG, VGA, MIGRATION].filter((region) => allowed(gate, region))).toEqual([
      CONFIG,
      MIGRATION,
    ])
  })

  it.each(['running', 'running-p2p', 'pre-copy', 'pre-copy-p2p', 'reserved-101', 'unknown-9'])(
    'is open in %s',
    (state) => {
      const gate = new AccessGate('sim:v2')
      gate.note('stop')
      gate.note(state)
      expect(allowed(gate, BAR0)).toBe(true)
    },
  )

  it('knows the numbers of v2', () => {
    const gate = new AccessGate('sim:v2')
    const closed = [0, 1, 2, 3, 4, 5, 6, 7, 8].filter((state) => {
      gate.note(state)
      return !allowed(gate, BAR0)
    })
    expect(closed).toEqual([0, 1, 3, 4])
  })

  it('is open before anything is known, and says the way out afterwards', () => {
    const gate = new AccessGate('sim:v2')
    expect(allowed(gate, BAR0)).toBe(true)
    gate.note('stop-copy')
    expect(() => gate.check(BAR0, {})).toThrow(/stop-copy.*running.*force/)
    gate.check(BAR0, { force: true })
  })

  it('closes on the way into a state, and opens only once the device left it', () => {
    const gate = new AccessGate('sim:v2')
    gate.approach('stop')
    expect(allowed(gate, BAR0)).toBe(false)
    gate.approach('running')
    expect(allowed(gate, BAR0)).toBe(false)
    gate.note('running')
    expect(allowed(gate, BAR0)).toBe(true)
  })

  it('forgets with a reset, also what was asked before it and answered after', () => {
    const gate = new AccessGate('sim:v2')
    gate.note('stop')
    const { epoch } = gate
    gate.wasReset()
    expect(allowed(gate, BAR0)).toBe(true)
    gate.note('stop', epoch)
    expect(allowed(gate, BAR0)).toBe(true)
  })

  it('lets nobody map anything in low power, whatever force is used', () => {
    const gate = new AccessGate('sim:v2')
    gate.lowPower = true
    gate.check(BAR0, undefined)
    expect(() => gate.checkMap(BAR0, { force: true })).toThrow(/low power.*lowPowerExit/)
    gate.lowPower = false
    gate.checkMap(BAR0, undefined)
  })
})
