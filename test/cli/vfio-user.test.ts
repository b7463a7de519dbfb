// SPDX-License-Identifier: MIT
// Three processes: two that serve a device each, and the command that migrates from one to the other.
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { jsonOf, type Running, run, start } from '../support/command.js'

let folder: string
const servers: Running[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-user-'))
})
afterEach(async () => {
  for (const { child, finished } of servers.splice(0)) {
    child.kill('SIGTERM')
    await finished
  }
  rmSync(folder, { recursive: true })
})

interface Served {
  readonly spec: string
  readonly running: Running
}

async function served(name: string, device: string, options: readonly string[] = []): Promise<Served> {
  const socket = join(folder, name)
  const running = start(['serve', device, '--socket', socket, '--json', ...options])
  servers.push(running)
  await running.says('"event":"listening"')
  return { spec: `vfio-user:${socket}`, running }
}

interface Ends {
  readonly source: { readonly digest: string }
  readonly destination: { readonly digest: string }
}

it.each([
  ['v2', 'sim:v2,state=64MiB', [], []],
  ['v2 without a twin socket', 'sim:v2,state=16MiB', ['--no-twin-socket'], []],
  ['v2 with the guards of libvfio-user', 'sim:v2,state=16MiB', ['--strict'], []],
  [
    'v2 without pre-copy, in small messages',
    'sim:v2,state=4MiB,precopy=off',
    ['--max-transfer', '64KiB'],
    [],
  ],
  ['v1, mapped', 'sim:v1,state=64MiB', [], ['--data-path', 'mapped']],
  ['v1, by messages', 'sim:v1,state=16MiB', [], ['--data-path', 'trapped']],
  ['v1, a trapped data section', 'sim:v1,state=16MiB,data=trapped', [], []],
  ['v1, a sparse one', 'sim:v1,state=16MiB,data=sparse', [], []],
])(
  'migrates %s, and the memory is equal',
  async (_, device, serving, migrating) => {
    const source = await served('a', `${device},seed=7`, serving)
    const destination = await served('b', device, serving)
    const finished = await run([
      'migrate',
      source.spec,
      destination.spec,
      '--digest',
      'bar2',
      '--json',
      ...migrating,
    ])
    expect(finished.code, finished.stderr + finished.out).toBe(0)
    const report = jsonOf(finished)
    expect(report).toMatchObject({ ok: true, source: { state: 'stop' }, destination: { state: 'running' } })
    const ends = report as unknown as Ends
    expect(ends.destination.digest).toBe(ends.source.digest)
    // The devices are still there, as they were left: what was loaded has outlived the command that loaded it.
    await source.running.says('"state":"stop"')
    await destination.running.says('"state":"running"')
    const again = jsonOf(
      await run(['save', destination.spec, '-o', join(folder, 'image'), '--digest', 'bar2', '--json']),
    )
    expect((again as unknown as Ends).source.digest).toBe(ends.source.digest)
  },
  60_000,
)

// Slow enough to be caught in the act.
const slow = 'state=64MiB,delay=read:40ms'

/** What progress says once bytes of this phase have moved. */
const underWay = (phase: string): RegExp => new RegExp(`^${phase} +[1-9]`, 'm')

it.each([
  ['in pre-copy', ['--pre-copy'], { found: 'pre-copy', state: 'running', reset: false }],
  ['in stop-and-copy', ['--no-pre-copy'], { found: 'stop-copy', state: 'stop', reset: false }],
])(
  'a migration killed %s leaves the source usable and the destination reset',
  async (_, options, left) => {
    const source = await served('a', `sim:v2,${slow},seed=7`)
    const destination = await served('b', 'sim:v2,state=64MiB')
    const killed = start(['migrate', source.spec, destination.spec, '--json', ...options])
    await killed.says(options.includes('--pre-copy') ? underWay('pre-copy') : underWay('stop-copy'))
    killed.child.kill('SIGKILL')
    await killed.finished
    await source.running.says('"event":"disconnected"')
    await destination.running.says('"event":"disconnected"')
    await source.running.says(`"device":${JSON.stringify(left)}`)
    await destination.running.says('"device":{"found":"resuming","state":"running","reset":true}')
    // The next attempt.
    const finished = await run(['migrate', source.spec, destination.spec, '--digest', 'bar2', '--json'])
    expect(finished.code, finished.stderr + finished.out).toBe(0)
    const ends = jsonOf(finished) as unknown as Ends
    expect(ends.destination.digest).toBe(ends.source.digest)
  },
  60_000,
)

it.each(['source', 'destination'])(
  'a %s whose server is killed fails the migration, and it says so',
  async (end) => {
    const source = await served('a', `sim:v2,${slow},seed=7`)
    const destination = await served('b', 'sim:v2,state=64MiB')
    const failing = start(['migrate', source.spec, destination.spec, '--json'])
    await failing.says(underWay('pre-copy'))
    const { running } = end === 'source' ? source : destination
    running.child.kill('SIGKILL')
    const finished = await failing.finished
    expect(finished.code).toBe(1)
    expect(jsonOf(finished)).toMatchObject({ ok: false })
    const other = end === 'source' ? destination : source
    await other.running.says('"event":"disconnected"')
    await other.running.says('"state":"running"')
  },
  60_000,
)
