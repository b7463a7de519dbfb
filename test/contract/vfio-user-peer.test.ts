// SPDX-License-Identifier: MIT
// A vfio-user server that dies, falls silent, or was never there: what its client says, and what becomes of the other device.
import { readdirSync, readFileSync } from 'node:fs'
import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it, vi } from 'vitest'
import { migrate, openDevice } from '../../lib/index.js'
import { allEnded, servedElsewhere, servedHere } from '../support/served-device.js'

afterAll(allEnded)

/** Whether every thread of the process has stopped: the signal's sender does not wait for that. */
function isStopped(pid: number): boolean {
  return readdirSync(`/proc/${pid}/task`).every((thread) =>
    /^State:\s+T/m.test(readFileSync(`/proc/${pid}/task/${thread}/status`, 'utf8')),
  )
}

// Slow enough to be caught in the middle: 64 reads or writes of a mebibyte, each of 20 ms.
const slow = 'sim:v2,state=64MiB,precopy=off'

it('a server killed in mid-save is reported, and the destination rolled back', async () => {
  const { device, server } = await servedElsewhere(`${slow},delay=read:20ms`)
  await using source = device
  await using destination = await openDevice('sim:v2,state=64MiB')
  const migrating = migrate(source, destination, {
    onProgress: ({ bytes }) => {
      if (bytes > 0) server.child.kill('SIGKILL')
    },
  })
  await expect(migrating).rejects.toMatchObject({
    code: 'ERR_VFIO_PEER_LOST',
    source: { state: 'unknown' },
    destination: { state: 'running' },
  })
  expect(await (await destination.migration()).state()).toBe('running')
  await expect(source.migration().then((migration) => migration.state())).rejects.toMatchObject({
    code: 'ERR_VFIO_PEER_LOST',
  })
})

it('a server killed in mid-load is reported, and the source runs again', async () => {
  await using source = await openDevice('sim:v2,state=64MiB,precopy=off')
  const { device, server } = await servedElsewhere(`${slow},delay=write:20ms`)
  await using destination = device
  const migrating = migrate(source, destination, {
    onProgress: ({ bytes }) => {
      if (bytes > 0) server.child.kill('SIGKILL')
    },
  })
  await expect(migrating).rejects.toMatchObject({
    code: 'ERR_VFIO_PEER_LOST',
    source: { state: 'running' },
    destination: { state: 'unknown' },
  })
  expect(await (await source.migration()).state()).toBe('running')
})

it('a server that falls silent is given up after the time-out', async () => {
  const { device, server } = await servedElsewhere('sim:v2', { vfioUser: { requestTimeout: 200 } })
  await using source = device
  const migration = await source.migration()
  server.child.kill('SIGSTOP')
  await vi.waitUntil(() => isStopped(server.child.pid as number), { timeout: 10_000, interval: 1 })
  const began = performance.now()
  await expect(migration.state()).rejects.toMatchObject({ code: 'ERR_VFIO_PEER_TIMEOUT' })
  expect(performance.now() - began).toBeLessThan(5000)
  await expect(migration.state()).rejects.toMatchObject({ code: 'ERR_VFIO_PEER_LOST' })
  server.child.kill('SIGKILL')
})

it('a state change that takes longer than a request is waited for', async () => {
  await using device = await servedHere(
    'sim:v2,delay=set-state:stop:500ms',
    {},
    { vfioUser: { requestTimeout: 200 } },
  )
  expect(await (await device.migration()).transition('stop')).toBe('stop')
})

it('a socket that is not there, or is none, names no device', async () => {
  const folder = await mkdtemp(join(tmpdir(), 'vfio-user-'))
  const file = join(folder, 'file')
  await writeFile(file, '')
  for (const path of [join(folder, 'nothing'), file]) {
    await expect(openDevice(`vfio-user:${path}`)).rejects.toMatchObject({ code: 'ERR_VFIO_NO_SUCH_DEVICE' })
  }
  await rm(folder, { recursive: true })
  await expect(openDevice('vfio-user:')).rejects.toMatchObject({ code: 'ERR_VFIO_DEVICE_SPEC' })
})

it('a time-out that is none is refused', async () => {
  for (const requestTimeout of [0, 1.5, -1, 2 ** 31]) {
    await expect(openDevice('vfio-user:/nowhere', { vfioUser: { requestTimeout } })).rejects.toThrow(
      RangeError,
    )
  }
})

it.each(['mapped', 'trapped', 'auto'] as const)(
  'the data of a v1 device goes by the path that is chosen: %s',
  async (dataPath) => {
    await using source = await servedHere('sim:v1,state=2MiB,chunk=256KiB')
    await using destination = await servedHere('sim:v1,state=2MiB,chunk=256KiB')
    await using saving = await (await source.migration()).save({ dataPath })
    await using loading = await (await destination.migration()).load({ dataPath })
    const { bytes } = await saving.pipeInto(loading)
    expect(bytes).toBeGreaterThan(2 * 2 ** 20)
    await loading.complete()
  },
)

it('a closed device lets its server go on', async () => {
  const { device, server } = await servedElsewhere('sim:v2')
  await device.close()
  expect((await server.finished).code).toBe(0)
})
