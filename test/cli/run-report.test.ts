// SPDX-License-Identifier: MIT
// --report and --trace, of commands that succeed and that fail.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import type { ChromeTrace, RunReport } from '../../lib/index.js'
import { jsonOf, run, start } from '../support/command.js'

let folder: string
let reportPath: string
let tracePath: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-report-'))
  reportPath = join(folder, 'run.json')
  tracePath = join(folder, 'trace.json')
})
afterEach(() => rmSync(folder, { recursive: true }))

const report = (): RunReport => JSON.parse(readFileSync(reportPath, 'utf8')) as RunReport

describe.each(['v1', 'v2'])('%s', (protocol) => {
  const source = `sim:${protocol},state=1MiB,seed=2`
  const destination = `sim:${protocol},state=1MiB`

  it('a migration leaves its report and its trace', async () => {
    const options = ['--report', reportPath, '--trace', tracePath, '--json']
    const finished = await run(['migrate', source, destination, ...options])
    expect(finished.code, finished.stderr).toBe(0)
    expect(readdirSync(folder).sort()).toEqual(['run.json', 'trace.json'])
    expect(statSync(reportPath).mode & 0o777).toBe(0o600)
    expect(report()).toMatchObject({
      ok: true,
      operation: 'migrate',
      devices: [
        { name: source, side: 'source', bytesOut: jsonOf(finished).bytes },
        { name: destination, side: 'destination' },
      ],
      downtime: { totalMs: expect.any(Number) },
    })
    const trace = JSON.parse(readFileSync(tracePath, 'utf8')) as ChromeTrace
    expect(trace.traceEvents.length).toBeGreaterThan(30)
  })

  it('one that fails leaves them too, with the failure in it', async () => {
    const fails = protocol === 'v1' ? 'fail=register-write:data-size:EIO' : 'fail=write:EIO'
    const finished = await run([
      'migrate',
      source,
      `${destination},${fails}`,
      '--report',
      reportPath,
      '--json',
    ])
    expect(finished.code).not.toBe(0)
    expect(report()).toMatchObject({
      ok: false,
      operation: 'migrate',
      error: { ...(jsonOf(finished).error as Record<string, unknown>), name: 'VfioMigrationError' },
    })
    expect(report().timeline.some((event) => event.kind === 'reset')).toBe(true)
  })

  it('a save and a load leave theirs', async () => {
    const image = join(folder, 'device.vfm')
    const saved = await run(['save', source, '-o', image, '--report', reportPath])
    expect(saved.code, saved.stderr).toBe(0)
    expect(report()).toMatchObject({ ok: true, operation: 'save', devices: [{ side: 'source' }] })
    const loaded = await run(['load', destination, '-i', image, '--report', reportPath])
    expect(loaded.code, loaded.stderr).toBe(0)
    expect(report()).toMatchObject({ ok: true, operation: 'load', devices: [{ side: 'destination' }] })
  })
})

it('a device that cannot be opened leaves a report that says so', async () => {
  const finished = await run(['migrate', 'sim:v9', 'sim:v1', '--report', reportPath, '--json'])
  expect(finished.code).not.toBe(0)
  expect(report()).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_DEVICE_SPEC' }, devices: [] })
})

it('a report that has no place stops the command before any device is opened', async () => {
  const nowhere = join(folder, 'missing', 'run.json')
  const finished = await run(['migrate', 'sim:v1', 'sim:v1', '--report', nowhere, '--json'])
  expect(finished.code).not.toBe(0)
  expect(jsonOf(finished)).toMatchObject({ ok: false, error: { code: 'ENOENT' } })
})

it('a report that cannot be kept in the end is a note, and the migration what it was', async () => {
  const slow = 'sim:v2,state=8MiB,seed=3,delay=read:20ms'
  const place = join(folder, 'place')
  mkdirSync(place)
  const { finished, says } = start([
    'migrate',
    slow,
    'sim:v2,state=8MiB',
    '--report',
    join(place, 'run.json'),
  ])
  await says('pre-copy')
  rmSync(place, { recursive: true })
  const done = await finished
  expect(done.stderr).toContain('the report of the run could not be written')
  expect(done.code).toBe(0)
  expect(done.out).toContain('migrated')
})

it('Ctrl-C leaves a report that says so', async () => {
  const slow = 'sim:v2,state=64MiB,seed=3,delay=read:20ms'
  const { child, finished, says } = start(['migrate', slow, 'sim:v2,state=64MiB', '--report', reportPath])
  await says('pre-copy')
  child.kill('SIGINT')
  expect((await finished).code).toBe(130)
  expect(report()).toMatchObject({ ok: false, error: { name: 'AbortError', source: { state: 'running' } } })
})

it('report and trace are two files', async () => {
  const finished = await run(['migrate', 'sim:v1', 'sim:v1', '--report', reportPath, '--trace', reportPath])
  expect(finished.stderr).toContain('--report and --trace are two files')
  expect(readdirSync(folder)).toEqual([])
})
