// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { Progress } from '../../../lib/cli/progress.js'
import { formatBytes, formatMs, parseDuration, parseSize } from '../../../lib/quantity.js'

class Output {
  readonly isTTY: boolean
  readonly columns = 60
  text = ''

  constructor(isTTY: boolean) {
    this.isTTY = isTTY
  }

  write(text: string): void {
    this.text += text
  }
}

const MiB = 1024 * 1024

describe('progress', () => {
  it('rewrites one line on a terminal, with the rate of late', () => {
    const output = new Output(true)
    let now = 0
    const progress = new Progress(output, true, () => now)
    for (; now <= 4000; now += 500) {
      // 1 MiB/s at first, 10 MiB/s in the last two seconds.
      const bytes = now <= 2000 ? (now / 1000) * MiB : 2 * MiB + ((now - 2000) / 1000) * 10 * MiB
      progress.update({ phase: 'pre-copy', bytes, total: 100 * MiB })
    }
    expect(output.text).not.toContain('\n')
    expect(output.text.split('\r\u001b[K').at(-1)).toBe('pre-copy  22 MiB 22 %  10 MiB/s  4.00 s')
    progress.clear()
    expect(output.text.endsWith('\r\u001b[K')).toBe(true)
  })

  it('never wraps', () => {
    const output = new Output(true)
    new Progress(output, true).update({ phase: 'p'.repeat(200), bytes: 0 })
    expect(output.text.length).toBeLessThan(60 + 5)
  })

  it('is plain lines elsewhere: one per phase and second', () => {
    const output = new Output(false)
    let now = 0
    const progress = new Progress(output, true, () => now)
    for (; now < 3000; now += 100)
      progress.update({ phase: now < 1500 ? 'pre-copy' : 'stop-copy', bytes: now })
    const phases = output.text
      .trimEnd()
      .split('\n')
      .map((line) => line.split(' ')[0])
    expect(phases).toEqual(['pre-copy', 'pre-copy', 'stop-copy', 'stop-copy'])
    expect(output.text).not.toContain('\u001b')
  })

  it('is silent when switched off, notes excepted', () => {
    const output = new Output(true)
    const progress = new Progress(output, false)
    progress.update({ phase: 'pre-copy', bytes: 1 })
    progress.note('SIGINT')
    expect(output.text).toBe('SIGINT\n')
  })
})

describe('quantities', () => {
  it.each([
    ['0', 0],
    ['65536', 65536],
    ['64KiB', 65536],
    ['64k', 65536],
    ['1 MiB', MiB],
    ['2G', 2048 * MiB],
    ['1TB', 1024 ** 4],
  ])('%s is a size', (text, bytes) => expect(parseSize(text)).toBe(bytes))

  it.each([
    '',
    '-1',
    '1.5MiB',
    '1 XiB',
    '0x10',
    '1e3',
    'MiB',
    '99999999999999999',
    '9999999999999T',
    '1 MiB ',
  ])('%j is none', (text) => expect(parseSize(text)).toBeUndefined())

  it.each([
    ['250ms', 250],
    ['30', 30_000],
    ['1.5s', 1500],
    ['5m', 300_000],
  ])('%s is a duration', (text, milliseconds) => expect(parseDuration(text)).toBe(milliseconds))

  it.each(['', '0', '0s', '-1s', '1d', '1000h', 's'])('%j is none', (text) => {
    expect(parseDuration(text)).toBeUndefined()
  })

  it('are written short', () => {
    expect([0, 1023, 1024, 1536, 256 * MiB, 5e15].map(formatBytes)).toEqual([
      '0 bytes',
      '1023 bytes',
      '1 KiB',
      '1.5 KiB',
      '256 MiB',
      '4.4 PiB',
    ])
    expect([0.25, 12.4, 1234, 61_500].map(formatMs)).toEqual(['0.3 ms', '12 ms', '1.23 s', '1 min 1 s'])
  })
})
