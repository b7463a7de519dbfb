// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { jsonOf, run } from '../support/command.js'

const commands = [
  'list',
  'inspect',
  'doctor',
  'bind',
  'unbind',
  'vfs',
  'mdev',
  'migrate',
  'save',
  'load',
  'verify',
  'serve',
  'hold',
  'demo',
]

describe('vfio-migrate', () => {
  it('knows its version', async () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    for (const word of ['--version', '-V'])
      expect(await run([word])).toMatchObject({ code: 0, out: `${version}\n` })
  })

  it('lists its commands', async () => {
    const { code, out } = await run(['--help'])
    expect(code).toBe(0)
    for (const command of commands) expect(out).toContain(`  ${command} `)
  })

  it.each(commands)('%s --help has examples and the exit codes', async (command) => {
    const { code, out } = await run([command, '--help'])
    expect(code).toBe(0)
    expect(out).toContain(`$ vfio-migrate ${command}`)
    expect(out).toContain('Exit codes:')
  })

  it.each([
    ['no command', []],
    ['an unknown command', ['frobnicate']],
    ['an unknown option', ['list', '--frobnicate']],
    ['a missing argument', ['verify']],
    ['a missing option', ['save', 'sim:v2']],
    ['too many arguments', ['list', 'everything']],
    ['a timeout of nothing', ['list', '--timeout', '0']],
    ['an unknown policy', ['migrate', 'sim:v2', 'sim:v2', '--recovery', 'hope']],
    ['a tiny buffer', ['migrate', 'sim:v2', 'sim:v2', '--buffer-size', '1']],
    ['two endings', ['migrate', 'sim:v2', 'sim:v2', '--hold', '--exec', 'true']],
    ['arguments without a program', ['load', 'sim:v2', '-i', '/dev/null', '--', 'true']],
    ['a region that cannot be', ['migrate', 'sim:v2', 'sim:v2', '--digest', 'bar9']],
    ['a device that cannot be', ['inspect', 'not a device']],
  ])('exits with 2 on %s', async (_, words) => {
    const { code, out, stderr } = await run(words)
    expect(code).toBe(2)
    expect(out).toBe('')
    expect(stderr).not.toBe('')
    expect(stderr).not.toContain('    at ')
  })

  it('says wrong usage in JSON when asked for JSON', async () => {
    for (const words of [
      ['verify', '--json'],
      ['load', 'sim:v2', '-i', '/dev/null', '--json', '--', 'true'],
    ]) {
      const finished = await run(words)
      expect(finished.code).toBe(2)
      expect(finished.stderr).toBe('')
      expect(jsonOf(finished)).toMatchObject({
        ok: false,
        error: { code: 'ERR_USAGE', message: expect.any(String) },
      })
    }
  })
})
