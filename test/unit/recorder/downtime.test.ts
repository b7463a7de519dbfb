// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { Downtime } from '../../../lib/recorder/downtime.js'

describe('a downtime', () => {
  it('is nothing before it began', () => {
    const downtime = new Downtime()
    downtime.reach('stop', 5)
    expect(downtime.report()).toBeUndefined()
  })

  it('is the sum of its parts, without gaps', () => {
    const downtime = new Downtime()
    downtime.begin(100)
    downtime.reach('stop', 103)
    downtime.reach('transfer', 110)
    downtime.reach('resume', 111)
    expect(downtime.report()).toEqual({
      totalMs: 11,
      parts: [
        { name: 'stop', ms: 3 },
        { name: 'transfer', ms: 7 },
        { name: 'resume', ms: 1 },
      ],
    })
  })

  it('begins once, and no part of it is negative', () => {
    const downtime = new Downtime()
    downtime.begin(100)
    downtime.begin(200)
    downtime.reach('stop', 104)
    downtime.reach('transfer', 103)
    expect(downtime.report()).toEqual({
      totalMs: 4,
      parts: [
        { name: 'stop', ms: 4 },
        { name: 'transfer', ms: 0 },
      ],
    })
  })
})
