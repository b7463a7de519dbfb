// SPDX-License-Identifier: MIT
// The keeper as a command, on machines without a VFIO device: what it holds there is nothing.
import { existsSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { Keeper } from '../../lib/index.js'
import { jsonOf, run, start } from '../support/command.js'

describe('vfio-migrate hold', () => {
  let folder: string
  let socket: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vfio-hold-'))
    socket = join(folder, 'place', 'socket')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('says where it can be reached, serves clients, and leaves no socket behind', async () => {
    const { child, finished, says } = start(['hold', '--socket', socket, '--json'])
    await says('"ok":true')
    await using client = await Keeper.connect(socket)
    expect(await client.devices()).toEqual([])
    child.kill('SIGTERM')
    const done = await finished
    expect(done.code, done.stderr).toBe(0)
    expect(jsonOf(done)).toEqual({ ok: true, socket, pid: child.pid, devices: [] })
    expect(existsSync(socket)).toBe(false)
  })

  it('lets other users in only where one was named', async () => {
    const { child, finished, says } = start([
      'hold',
      '--socket',
      socket,
      '--allow-uid',
      '1000',
      '--allow-uid',
      '1001',
    ])
    await says('held by process')
    expect(statSync(join(folder, 'place')).mode & 0o777).toBe(0o711)
    child.kill('SIGTERM')
    expect((await finished).code).toBe(0)
  })

  it('takes the place of one that was killed, not of one that lives', async () => {
    const killed = start(['hold', '--socket', socket])
    await killed.says('held by process')
    const second = await run(['hold', '--socket', socket, '--json'])
    expect(second.code).toBe(1)
    expect(jsonOf(second)).toMatchObject({ error: { code: 'ERR_VFIO_IN_USE' } })
    killed.child.kill('SIGKILL')
    await killed.finished
    const { child, finished, says } = start(['hold', '--socket', socket])
    await says('held by process')
    child.kill('SIGINT')
    expect((await finished).code).toBe(0)
  })

  it('holds no device that lives in a process, and says the way out', async () => {
    const done = await run(['hold', 'sim:v2,state=1MiB', '--socket', socket, '--json'])
    expect(done.code).toBe(1)
    expect(jsonOf(done)).toMatchObject({
      error: { code: 'ERR_VFIO_UNSUPPORTED', message: expect.stringContaining('vfio-user') },
    })
    expect(existsSync(socket)).toBe(false)
  })

  it('refuses a place that is not safe', async () => {
    const done = await run(['hold', '--socket', join(tmpdir(), 'vfio-keeper-test'), '--json'])
    expect(done.code).toBe(1)
    expect(jsonOf(done)).toMatchObject({ error: { code: 'ERR_VFIO_SOCKET_PLACE' } })
  })

  it.each([
    ['no socket', ['hold', 'sim:v2']],
    ['a user by name', ['hold', '--socket', '/x/y', '--allow-uid', 'root']],
    ['two endings', ['migrate', 'sim:v2', 'sim:v2', '--hold', '--hand-to', '/x/y']],
    ['a device that cannot be', ['hold', 'pid:1', '--socket', '/tmp/x/y']],
  ])('exits with 2 on %s', async (_, words) => {
    expect((await run(words)).code).toBe(2)
  })
})

describe('--hand-to', () => {
  it('makes sure that somebody is there before a device is touched', async () => {
    const done = await run(['migrate', 'sim:v2', 'sim:v2', '--hand-to', '/nonexistent/socket', '--json'])
    expect(done.code).toBe(1)
    expect(jsonOf(done)).toMatchObject({ error: { code: 'ERR_VFIO_PEER_LOST' } })
  })

  it('cannot leave a simulated device with a keeper', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'vfio-hold-'))
    const socket = join(folder, 'place', 'socket')
    const { child, finished, says } = start(['hold', '--socket', socket])
    try {
      await says('held by process')
      const done = await run(['migrate', 'sim:v2', 'sim:v2', '--hand-to', socket, '--json'])
      expect(jsonOf(done)).toMatchObject({ error: { code: 'ERR_VFIO_UNSUPPORTED' } })
    } finally {
      child.kill('SIGTERM')
      await finished
      rmSync(folder, { recursive: true })
    }
  })
})
