// SPDX-License-Identifier: MIT
// Saves, loads and migrations by the command, on simulated devices.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jsonOf, run, start } from '../support/command.js'

const digest = /^sha256:[0-9a-f]{64}$/
// Slow enough to be caught in the act: 20 ms for each piece of 64 MiB.
const slow = 'sim:v2,state=64MiB,seed=3,delay=read:20ms'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-cli-'))
  path = join(folder, 'device.vfm')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe.each(['v1', 'v2'])('%s', (protocol) => {
  const source = `sim:${protocol},state=4MiB,seed=11`
  const destination = `sim:${protocol},state=4MiB`

  it('migrates, and the memory arrives', async () => {
    const finished = await run(['migrate', source, destination, '--digest', 'bar2', '--json'])
    expect(finished.code, finished.stderr).toBe(0)
    const report = jsonOf(finished)
    expect(report).toMatchObject({
      ok: true,
      protocol,
      source: { device: source, state: 'stop', digest: expect.stringMatching(digest) },
      destination: { device: destination, state: 'running', ending: 'closed' },
      totalMs: expect.any(Number),
      downtimeMs: expect.any(Number),
      phases: expect.arrayContaining([
        expect.objectContaining({ name: 'stop-copy', ms: expect.any(Number) }),
      ]),
    })
    expect(report.bytes).toBeGreaterThanOrEqual(4 * 1024 * 1024)
    const ends = report as { source: { digest: string }; destination: { digest: string } }
    expect(ends.destination.digest).toBe(ends.source.digest)
    const blank = jsonOf(await run(['migrate', destination, destination, '--digest', 'bar2', '--json']))
    expect((blank as typeof ends).destination.digest).not.toBe(ends.source.digest)
  })

  it('is saved, verified and loaded, and the memory arrives', async () => {
    const saved = await run(['save', source, '-o', path, '--digest', 'bar2', '--json'])
    expect(saved.code, saved.stderr).toBe(0)
    expect(jsonOf(saved)).toMatchObject({
      ok: true,
      protocol,
      source: { device: source, state: 'stop' },
      file: { path, bytes: statSync(path).size, strong: false, keyed: false },
    })
    expect(readdirSync(folder)).toEqual(['device.vfm'])
    expect(statSync(path).mode & 0o777).toBe(0o600)

    const verified = await run(['verify', path, '--json'])
    expect(verified.code).toBe(0)
    expect(jsonOf(verified)).toMatchObject({
      ok: true,
      protocol,
      devices: [{ protocol, identity: { kind: 'simulated', name: source, vendor: 0x1b36, device: 0x7666 } }],
      sections: [
        { section: 1, kind: 'device-state', device: 0, optional: false },
        { section: 2, kind: 'wiring', device: 0, optional: true, wiring: { command: { busMaster: false } } },
      ],
      bytes: statSync(path).size,
      strong: false,
      keyed: false,
    })

    const loaded = await run(['load', destination, '-i', path, '--digest', 'bar2', '--json'])
    expect(loaded.code, loaded.stderr).toBe(0)
    expect(jsonOf(loaded)).toMatchObject({
      ok: true,
      protocol,
      destination: {
        device: destination,
        state: 'running',
        ending: 'closed',
        digest: (jsonOf(saved) as { source: { digest: string } }).source.digest,
      },
    })
  })

  it('goes through a pipe', async () => {
    const saved = await run(['save', source, '-o', '-', '--digest', 'bar2', '--json'])
    expect(saved.code, saved.stderr).toBe(0)
    const report = saved.stderr.trimEnd().split('\n').at(-1) as string
    const loaded = await run(['load', destination, '-i', '-', '--digest', 'bar2', '--json'], {
      stdin: saved.stdout,
    })
    expect(loaded.code, loaded.stderr).toBe(0)
    expect(jsonOf(loaded)).toMatchObject({
      destination: { digest: (JSON.parse(report) as { source: { digest: string } }).source.digest },
    })
  })

  it('damaged or cut off is refused by verify and load alike', async () => {
    await run(['save', source, '-o', path])
    const bytes = readFileSync(path)
    const damaged = join(folder, 'damaged.vfm')
    const flipped = (at: number): Buffer => {
      const copy = Buffer.from(bytes)
      copy[at] = (copy[at] as number) ^ 0x10
      return copy
    }
    for (const wrong of [
      flipped(3),
      flipped(40),
      flipped(bytes.length >> 1),
      flipped(bytes.length - 1),
      bytes.subarray(0, bytes.length >> 1),
      bytes.subarray(0, bytes.length - 1),
      bytes.subarray(0, 0),
    ]) {
      writeFileSync(damaged, wrong)
      const verified = await run(['verify', damaged, '--json'])
      expect(verified.code).toBe(3)
      expect(jsonOf(verified)).toMatchObject({
        ok: false,
        error: { code: expect.stringMatching(/^ERR_VFIO_/) },
      })
      const loaded = await run(['load', destination, '-i', damaged, '--json'])
      expect(loaded.code).toBe(3)
      expect(jsonOf(loaded)).toMatchObject({ ok: false })
    }
  }, 60_000)
})

describe('a saved device', () => {
  it('is never written over another one unless asked for', async () => {
    writeFileSync(path, 'precious')
    const refused = await run(['save', 'sim:v2,state=1MiB', '-o', path, '--json'])
    expect(refused.code).toBe(1)
    expect(jsonOf(refused)).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_FILE_EXISTS' } })
    expect(readFileSync(path, 'utf8')).toBe('precious')
    expect((await run(['save', 'sim:v2,state=1MiB', '-o', path, '--overwrite'])).code).toBe(0)
    expect((await run(['verify', path])).code).toBe(0)
    expect(readdirSync(folder)).toEqual(['device.vfm'])
  })

  it('of one protocol is not loaded into a device of the other', async () => {
    await run(['save', 'sim:v1,state=1MiB', '-o', path])
    const finished = await run(['load', 'sim:v2,state=1MiB', '-i', path, '--json'])
    expect(finished.code).toBe(1)
    expect(jsonOf(finished)).toMatchObject({ error: { code: 'ERR_VFIO_INCOMPATIBLE' } })
  })

  it('with a key is taken from its holder only', async () => {
    const key = join(folder, 'key')
    const other = join(folder, 'other')
    writeFileSync(key, Buffer.alloc(32, 1))
    writeFileSync(other, Buffer.alloc(32, 2))
    expect((await run(['save', 'sim:v2,state=1MiB', '-o', path, '--strong', '--key-file', key])).code).toBe(0)
    const verified = await run(['verify', path, '--key-file', key, '--json'])
    expect(jsonOf(verified)).toMatchObject({ ok: true, strong: true, keyed: true, authenticated: true })
    expect((await run(['verify', path, '--key-file', other])).code).toBe(3)
    expect((await run(['load', 'sim:v2,state=1MiB', '-i', path, '--key-file', other])).code).toBe(3)
    expect((await run(['load', 'sim:v2,state=1MiB', '-i', path, '--key-file', key])).code).toBe(0)
    writeFileSync(other, 'short')
    expect((await run(['verify', path, '--key-file', other])).code).toBe(2)
  })

  it('that is no file, or none of ours, is said so', async () => {
    expect((await run(['verify', join(folder, 'missing')])).code).toBe(1)
    expect((await run(['verify', folder])).code).toBe(3)
    writeFileSync(path, 'something else entirely, and long enough to be a preamble')
    expect((await run(['verify', path])).code).toBe(3)
  })

  it('interrupted while being written is not there, and the source runs again', async () => {
    const { child, finished, says } = start(['save', slow, '-o', path, '--json'])
    await says('pre-copy')
    child.kill('SIGINT')
    const done = await finished
    expect(done.code).toBe(130)
    expect(jsonOf(done)).toMatchObject({
      ok: false,
      error: { code: 'ABORT_ERR' },
      source: { device: slow, state: 'running' },
    })
    expect(readdirSync(folder)).toEqual([])
  })
})

describe('a migration', () => {
  it.each([
    ['SIGINT', 130],
    ['SIGTERM', 143],
  ] as const)('interrupted by %s is rolled back, and both ends are named', async (signal, code) => {
    const { child, finished, says } = start(['migrate', slow, 'sim:v2,state=64MiB', '--json'])
    await says('pre-copy')
    child.kill(signal)
    const done = await finished
    expect(done.code).toBe(code)
    expect(jsonOf(done)).toMatchObject({
      ok: false,
      error: { code: 'ABORT_ERR', message: expect.any(String) },
      source: { device: slow, state: 'running' },
      destination: { device: 'sim:v2,state=64MiB', state: 'running' },
    })
  })

  it('that takes longer than it may is rolled back', async () => {
    const slower = slow.replace('20ms', '500ms')
    const done = await run(['migrate', slower, 'sim:v2,state=64MiB', '--timeout', '4s'])
    expect(done.code).toBe(124)
    expect(done.stderr).toContain('--timeout')
    expect(done.stderr).toContain(`source ${slower} is in running`)
  })

  it('that fails names both ends', async () => {
    const broken = 'sim:v2,state=1MiB,fail=read::EIO'
    const done = await run(['migrate', broken, 'sim:v2,state=1MiB', '--json'])
    expect(done.code).toBe(1)
    expect(jsonOf(done)).toMatchObject({
      ok: false,
      error: { code: 'EIO' },
      source: { state: 'running' },
      destination: { state: 'running' },
    })
  })

  it('between devices that differ touches neither', async () => {
    const done = await run(['migrate', 'sim:v1,state=1MiB', 'sim:v2,state=1MiB', '--json'])
    expect(done.code).toBe(1)
    expect(jsonOf(done)).toMatchObject({
      error: { code: 'ERR_VFIO_INCOMPATIBLE' },
      source: { state: 'running' },
    })
  })

  it('of a device without migration says why not', async () => {
    const done = await run(['migrate', 'sim:none', 'sim:v2', '--json'])
    expect(done.code).toBe(1)
    expect(jsonOf(done)).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_NOT_MIGRATABLE' } })
    const probed = jsonOf(await run(['inspect', 'sim:none', '--probe', '--json']))
    expect(probed).toMatchObject({
      ok: true,
      probe: { migration: { migratable: false, reason: expect.any(String) } },
    })
  })

  it('holds the destination until it is told to go', async () => {
    const { child, finished, says } = start(['migrate', 'sim:v2,state=1MiB', 'sim:v2,state=1MiB', '--hold'])
    await says('is held open')
    child.kill('SIGTERM')
    expect((await finished).code).toBe(0)
  })

  it('does not pretend to hand on a device that has no descriptor', async () => {
    const done = await run(['migrate', 'sim:v2,state=1MiB', 'sim:v2,state=1MiB', '--exec', 'true', '--json'])
    expect(done.code).toBe(1)
    expect(jsonOf(done)).toMatchObject({ ok: false, error: { code: 'ERR_VFIO_UNSUPPORTED' } })
  })

  it('says for people what it did, and keeps progress off stdout', async () => {
    const done = await run(['migrate', 'sim:v2,state=8MiB,seed=1', 'sim:v2,state=8MiB', '--digest', 'bar2'])
    expect(done.code).toBe(0)
    expect(done.out).toMatch(/^migrated\n/)
    expect(done.out).toMatch(/downtime +[0-9.]+ ms/)
    expect(done.out).toContain('(equal on both sides)')
    expect(done.out).toContain('is closed now')
    expect(done.out).not.toContain('\u001b')
    expect(done.stderr).toMatch(/^(pre-copy|prepare|stop-copy)/m)
    expect((await run(['migrate', 'sim:v2', 'sim:v2', '--no-progress'])).stderr).toBe('')
  })

  it('can leave pre-copy out', async () => {
    const done = await run(['migrate', 'sim:v2,state=1MiB', 'sim:v2,state=1MiB', '--no-pre-copy', '--json'])
    const { phases } = jsonOf(done) as { phases: { name: string }[] }
    expect(phases.map(({ name }) => name)).not.toContain('pre-copy')
  })
})

describe('the demo', () => {
  it('migrates one device of each protocol and proves it', async () => {
    const done = await run(['demo', '--json'])
    expect(done.code, done.stderr).toBe(0)
    const { ok, migrations } = jsonOf(done) as {
      ok: boolean
      migrations: {
        protocol: string
        bytes: number
        arrived: boolean
        source: { digest: string }
        destination: { digest: string; state: string }
      }[]
    }
    expect(ok).toBe(true)
    expect(migrations.map(({ protocol }) => protocol)).toEqual(['v1', 'v2'])
    for (const { bytes, arrived, source, destination } of migrations) {
      expect(arrived).toBe(true)
      expect(bytes).toBeGreaterThanOrEqual(256 * 1024 * 1024)
      expect(destination).toMatchObject({ state: 'running', digest: source.digest })
    }
  }, 60_000)
})
