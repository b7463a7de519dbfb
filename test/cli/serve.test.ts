// SPDX-License-Identifier: MIT
// `vfio-migrate serve`, as a script uses it.
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { run, start } from '../support/command.js'
import { RawVfioUser } from '../support/raw-vfio-user.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-serve-'))
  path = join(folder, 'device.sock')
})
afterEach(() => rmSync(folder, { recursive: true }))

function lines(out: string): Record<string, unknown>[] {
  return out
    .trimEnd()
    .split('\n')
    .map((line) => JSON.parse(line) as Record<string, unknown>)
}

it('says in JSON when it listens, who comes and goes, and ends with 0 when it is told to', async () => {
  const serving = start(['serve', 'sim:v2,state=1MiB,seed=7', '--socket', path, '--json'])
  await serving.says('"event":"listening"')
  const client = await RawVfioUser.open(path)
  expect(await client.read32(0, 0)).toBe(0x316d6676)
  expect(await client.setState(4)).toBe(0)
  await client.close()
  await serving.says('"event":"disconnected"')
  // The device is still the one it was, reset.
  const next = await RawVfioUser.open(path)
  expect(await next.state()).toBe(2)
  serving.child.kill('SIGTERM')
  const { code, out } = await serving.finished
  expect(code).toBe(0)
  expect(lines(out)).toMatchObject([
    {
      ok: true,
      event: 'listening',
      device: 'sim:v2,state=1MiB,seed=7',
      socket: path,
      pid: serving.child.pid,
    },
    { ok: true, event: 'connected', peer: { pid: process.pid }, twinSocket: false },
    { ok: true, event: 'disconnected', device: { found: 'resuming', state: 'running', reset: true } },
    { ok: true, event: 'connected' },
    { ok: true, event: 'disconnected', detail: 'the server is closing' },
    { ok: true, event: 'closed', clients: 2 },
  ])
  expect(existsSync(path)).toBe(false)
  await next.close()
})

it('ends with its first client when asked to, and says so to people', async () => {
  const serving = start(['serve', 'sim:v1,state=1MiB', '--socket', path, '--once'])
  await serving.says(`sim:v1,state=1MiB is served on ${path}`)
  await (await RawVfioUser.open(path)).close()
  const { code, out } = await serving.finished
  expect(code).toBe(0)
  expect(out).toContain('is connected')
  expect(out).toContain('has gone; the device is running')
  expect(out).toContain('closed after 1 clients')
})

it('takes over a socket that a killed server left behind', async () => {
  const first = start(['serve', 'sim:v2,state=1MiB', '--socket', path, '--json'])
  await first.says('listening')
  const taken = await run(['serve', 'sim:v2,state=1MiB', '--socket', path, '--json'])
  expect(taken.code).toBe(1)
  expect(lines(taken.out)).toMatchObject([{ ok: false, error: { code: 'EADDRINUSE' } }])
  first.child.kill('SIGKILL')
  await first.finished
  expect(existsSync(path)).toBe(true)
  const second = start(['serve', 'sim:v2,state=1MiB', '--socket', path, '--json'])
  await second.says('listening')
  await (await RawVfioUser.open(path)).close()
  second.child.kill('SIGINT')
  expect((await second.finished).code).toBe(0)
})

it.each([
  ['no socket', ['serve', 'sim:v2']],
  ['a user that is none', ['serve', 'sim:v2', '--socket', 'a', '--allow-uid', 'root']],
  ['a transfer too small', ['serve', 'sim:v2', '--socket', 'a', '--max-transfer', '1']],
])('exits with 2 on %s', async (_, words) => {
  expect((await run(words)).code).toBe(2)
})
