// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { shellCommand, shellQuote, shellWrite } from '../../../lib/host/index.js'
import { asRoot } from '../../../lib/host/shell-quote.js'

/** What a shell makes of a command line. */
const output = (line: string): string => execFileSync('/bin/sh', ['-c', line]).toString()

describe('a word for a shell', () => {
  it.each(['0000:17:00.2', '/sys/bus/pci/drivers_probe', 'vfio-pci', 'i915-GVTg_V5_4', '-n'])(
    '%s needs no quotes',
    (word) => expect(shellQuote(word)).toBe(word),
  )

  it.each([
    '',
    ' ',
    "it's",
    '$(reboot)',
    '`reboot`',
    'a;b|c&d',
    '*',
    '~root',
    '#no comment',
    'back\\slash',
    'a\nb\n',
    '"',
    '!history',
    'é und 漢',
    '%s\\n',
    '\u001b[2J',
    "\u0007'\u007f",
    'rtl\u202e',
  ])('%j comes back as it was', (text) => {
    expect(output(`printf %s ${shellQuote(text)}`)).toBe(text)
  })

  it('is never more than one word, whatever it holds', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary', maxLength: 12 }), { maxLength: 4 }), (words) => {
        const legal = words.map((word) => word.replaceAll('\0', ''))
        expect(output(`printf '<%s>' ${legal.map(shellQuote).join(' ')} end`)).toBe(
          [...legal, 'end'].map((word) => `<${Buffer.from(word).toString()}>`).join(''),
        )
      }),
      { numRuns: 60 },
    )
  })

  it('shows a terminal nothing that it would act on', () => {
    const quoted = shellQuote('a\u001b]0;title\u0007\u009b31m')
    expect(quoted).toMatch(/^[ -~]+$/)
  })

  it('cannot hold a NUL', () => {
    expect(() => shellQuote('a\0b')).toThrow(RangeError)
  })
})

describe('a command for a shell', () => {
  it('quotes each of its words', () => {
    expect(shellCommand('devlink', 'port', 'show', 'a b; reboot')).toBe("devlink port show 'a b; reboot'")
  })

  it('writes a value to a file, whatever the names', () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfio-quote-'))
    try {
      for (const [name, value] of [
        ['plain', 'vfio-pci'],
        ["it's; rm -rf $HOME", '-n'],
        ['star *', 'back\\nslash'],
      ] as const) {
        writeFileSync(join(folder, name), '')
        output(shellWrite(join(folder, name), value))
        expect(readFileSync(join(folder, name), 'utf8').trimEnd()).toBe(value)
      }
    } finally {
      rmSync(folder, { recursive: true })
    }
  })

  it('clears an attribute with an empty line', () => {
    expect(shellWrite('/sys/x', '\n')).toBe('echo > /sys/x')
  })

  it('runs as root as a whole, redirections included', () => {
    expect(asRoot('echo a > /sys/b', 0)).toBe('echo a > /sys/b')
    expect(asRoot("echo 'a' > /sys/b", 1000)).toBe("sudo sh -c 'echo '\\''a'\\'' > /sys/b'")
  })
})
