// SPDX-License-Identifier: MIT
// Devices to and from streams: what happens to the device and the file when something goes wrong at either.
import { execFileSync } from 'node:child_process'
import {
  closeSync,
  constants,
  mkdtempSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  loadFromFile,
  type MigratableDevice,
  openDevice,
  saveToFile,
  saveToStream,
} from '../../../lib/index.js'

const memory = 2
const stateOf = async (device: MigratableDevice): Promise<string> => (await device.migration()).state()
const contentsOf = async (device: MigratableDevice): Promise<Buffer> => {
  const region = await device.region(memory)
  return Buffer.from(await region.read(0, Number(region.size)))
}

describe.each(['v1', 'v2'])('%s and a stream', (protocol) => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vfio-stream-'))
    path = join(folder, 'device.vfm')
  })
  afterEach(() => rmSync(folder, { recursive: true }))
  const blank = `sim:${protocol},state=256KiB`
  const seeded = `${blank},seed=9`

  it('carry the device', async () => {
    await using source = await openDevice(seeded)
    const contents = await contentsOf(source)
    const saved = await saveToFile(source, path, { preCopy: true })
    expect(saved).toMatchObject({ ok: true, protocol, state: 'stop', device: seeded })
    await using target = await openDevice(blank)
    const loaded = await loadFromFile(target, path)
    expect(loaded).toMatchObject({ ok: true, state: 'running', bytes: saved.bytes, manifest: saved.manifest })
    expect(loaded.phases.map(({ name }) => name)).toEqual(['prepare', 'load', 'resume'])
    expect((await contentsOf(target)).equals(contents)).toBe(true)
  })

  it('whose file cannot be put in place leaves the device running as before', async () => {
    await using source = await openDevice(seeded)
    const contents = await contentsOf(source)
    const saving = saveToFile(source, path, { onProgress: () => writeFileSync(path, 'precious') })
    await expect(saving).rejects.toMatchObject({ code: 'ERR_VFIO_FILE_EXISTS' })
    expect(readdirSync(folder)).toEqual(['device.vfm'])
    expect(readFileSync(path, 'utf8')).toBe('precious')
    expect(await stateOf(source)).toBe('running')
    expect((await contentsOf(source)).equals(contents)).toBe(true)
  })

  it('that is cut off never reaches the device for good', async () => {
    {
      await using source = await openDevice(seeded)
      await saveToFile(source, path)
    }
    truncateSync(path, readFileSync(path).length - 1)
    await using target = await openDevice(blank)
    await expect(loadFromFile(target, path)).rejects.toMatchObject({ code: 'ERR_VFIO_STREAM_TRUNCATED' })
    expect(await stateOf(target)).toBe('running')
    expect((await contentsOf(target)).every((byte) => byte === 0)).toBe(true)
  })

  it('of the other protocol is refused before the device is touched', async () => {
    {
      await using source = await openDevice(seeded.replace(protocol, protocol === 'v1' ? 'v2' : 'v1'))
      await saveToFile(source, path)
    }
    await using target = await openDevice(seeded)
    const contents = await contentsOf(target)
    await expect(loadFromFile(target, path)).rejects.toMatchObject({ code: 'ERR_VFIO_INCOMPATIBLE' })
    expect((await contentsOf(target)).equals(contents)).toBe(true)
  })

  it('that nobody reads any more is given up when asked, and the device runs again', async () => {
    await using source = await openDevice(`sim:${protocol},state=16MiB,seed=1`)
    const pipe = join(folder, 'pipe')
    execFileSync('mkfifo', [pipe])
    const reading = openSync(pipe, constants.O_RDONLY | constants.O_NONBLOCK)
    const writing = openSync(pipe, constants.O_WRONLY)
    try {
      const saving = saveToStream(source, writing, { signal: AbortSignal.timeout(300) })
      await expect(saving).rejects.toMatchObject({ name: 'AbortError', code: 'ABORT_ERR' })
      expect(await stateOf(source)).toBe('running')
    } finally {
      closeSync(reading)
      closeSync(writing)
    }
  })
})
