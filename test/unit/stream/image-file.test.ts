// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import {
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ImageFile, openImage } from '../../../lib/stream/index.js'

describe('an image file', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vfio-image-'))
    path = join(folder, 'device.vfm')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('appears whole, with nobody else allowed to read it', async () => {
    const image = await ImageFile.create(path)
    writeSync(image.fd, 'state')
    expect(readdirSync(folder)).toEqual([`.device.vfm.${process.pid}.tmp`])
    expect(statSync(join(folder, `.device.vfm.${process.pid}.tmp`)).mode & 0o777).toBe(0o600)
    await image.commit()
    expect(readdirSync(folder)).toEqual(['device.vfm'])
    expect(readFileSync(path, 'utf8')).toBe('state')
    expect(statSync(path)).toMatchObject({ nlink: 1 })
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('that was not committed leaves nothing behind', async () => {
    {
      await using image = await ImageFile.create(path)
      writeSync(image.fd, 'half')
    }
    expect(readdirSync(folder)).toEqual([])
  })

  it('never replaces another one that was there before', async () => {
    writeFileSync(path, 'precious')
    await expect(ImageFile.create(path)).rejects.toMatchObject({ code: 'ERR_VFIO_FILE_EXISTS' })
    expect(readdirSync(folder)).toEqual(['device.vfm'])
  })

  it('never replaces one that appeared meanwhile', async () => {
    const image = await ImageFile.create(path)
    writeFileSync(path, 'precious')
    await expect(image.commit()).rejects.toMatchObject({ code: 'ERR_VFIO_FILE_EXISTS' })
    expect(readdirSync(folder)).toEqual(['device.vfm'])
    expect(readFileSync(path, 'utf8')).toBe('precious')
  })

  it('replaces a file when asked to, and only then whole', async () => {
    writeFileSync(path, 'old')
    const image = await ImageFile.create(path, { overwrite: true })
    writeSync(image.fd, 'new')
    expect(readFileSync(path, 'utf8')).toBe('old')
    await image.commit()
    expect(readFileSync(path, 'utf8')).toBe('new')
    expect(readdirSync(folder)).toEqual(['device.vfm'])
  })

  it.each([
    ['a folder', (at: string) => mkdirSync(at)],
    ['a symbolic link', (at: string) => symlinkSync('/etc/passwd', at)],
    ['a FIFO', (at: string) => execFileSync('mkfifo', [at])],
  ])('does not replace %s even when asked to', async (_, make) => {
    make(path)
    await expect(ImageFile.create(path, { overwrite: true })).rejects.toMatchObject({
      code: 'ERR_VFIO_FILE_EXISTS',
    })
    expect(readdirSync(folder)).toEqual(['device.vfm'])
  })

  it('steps aside for the remains of a crashed run', async () => {
    writeFileSync(join(folder, `.device.vfm.${process.pid}.tmp`), 'remains')
    const image = await ImageFile.create(path)
    await image.commit()
    expect(readdirSync(folder).sort()).toEqual([`.device.vfm.${process.pid}.tmp`, 'device.vfm'])
  })

  it('has room for the longest name there is', async () => {
    const name = 'n'.repeat(255)
    const image = await ImageFile.create(join(folder, name))
    await image.commit()
    expect(readdirSync(folder)).toEqual([name])
  })

  it('in a folder that does not exist is Node’s own error', async () => {
    await expect(ImageFile.create(join(folder, 'missing', 'device.vfm'))).rejects.toMatchObject({
      code: 'ENOENT',
    })
  })

  it('is read only when it is a regular file, and nobody waits for a FIFO', async () => {
    execFileSync('mkfifo', [path])
    await expect(openImage(path)).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
    await expect(openImage(folder)).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
    await expect(openImage('/dev/zero')).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
  })
})
