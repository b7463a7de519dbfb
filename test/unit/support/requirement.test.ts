// SPDX-License-Identifier: MIT
// The facility is tested from outside: whole vitest runs over a file whose tests need something that is there, and something that is not.
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, expect, it } from 'vitest'
import { allRequired } from '../../support/require-all.js'

const root = fileURLToPath(new URL('../../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'vfio-migration-'))
afterAll(() => rmSync(folder, { recursive: true }))

writeFileSync(
  join(folder, 'vitest.config.js'),
  "export default { test: { globals: true, reporters: ['verbose'] } }",
)
writeFileSync(
  join(folder, 'sample.test.ts'),
  `import { requires } from '${root}test/support/requirement.js'
const there = requires('air', true, 'never read')
there.it('breathes', () => expect(true).toBe(true))
const gone = requires('a unicorn', false, 'none in /dev')
gone.describe('riding', () => { throw new Error('must not be collected') })
gone.it('feeding', () => { throw new Error('must not run') })
`,
)

function run(
  environment: Record<string, string>,
  config = 'vitest.config.js',
): { status: number | null; output: string } {
  const { CI: _, VFIO_MIGRATION_REQUIRE_ALL: __, VITEST: ___, ...inherited } = process.env
  const child = spawnSync(
    process.execPath,
    [join(root, 'node_modules/vitest/vitest.mjs'), 'run', '--root', folder, '--config', join(folder, config)],
    { encoding: 'utf8', env: { ...inherited, ...environment, NO_COLOR: '1' } },
  )
  return { status: child.status, output: child.stdout + child.stderr }
}

it('skips and says why', { timeout: 60_000 }, () => {
  const { status, output } = run({})
  expect(output).toContain('1 passed | 2 skipped')
  expect(output).toContain('skipped: riding: needs a unicorn: none in /dev')
  expect(output).toContain('skipped: feeding: needs a unicorn: none in /dev')
  expect(status).toBe(0)
})

it('fails where nothing may be skipped', { timeout: 60_000 }, () => {
  const { status, output } = run({ VFIO_MIGRATION_REQUIRE_ALL: '1' })
  expect(output).toContain('2 failed | 1 passed')
  expect(output).toContain('needs a unicorn: none in /dev (nothing may be skipped in this run)')
  expect(status).toBe(1)
})

it('notices whatever else was skipped', { timeout: 60_000 }, () => {
  writeFileSync(
    join(folder, 'strict.config.js'),
    `export default { test: { globals: true, include: ['*.skipping.ts'], reporters: ['${root}test/support/no-skips.ts'] } }`,
  )
  writeFileSync(
    join(folder, 'other.skipping.ts'),
    `it('runs', () => {})\ndescribe('outer', () => it.skip('is left out', () => {}))\n`,
  )
  const { status, output } = run({}, 'strict.config.js')
  expect(output).toContain('does not allow: other.skipping.ts > outer > is left out')
  expect(status).toBe(1)
})

it('takes continuous integration for a run where nothing may be skipped', () => {
  expect(allRequired({ CI: 'true' })).toBe(true)
  expect(allRequired({ CI: 'true', VFIO_MIGRATION_REQUIRE_ALL: '0' })).toBe(false)
  expect(allRequired({ VFIO_MIGRATION_REQUIRE_ALL: '1' })).toBe(true)
  expect(allRequired({})).toBe(false)
})
