// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { FileLock } from '../../../lib/commit/file-lock.js'
import { eventually } from '../ownership/places.js'

describe('the lock of a file whose owner lives', () => {
  const path = join(tmpdir(), `vfio-lock-${process.pid}`)
  let mine: Awaited<ReturnType<typeof open>>
  let other: Awaited<ReturnType<typeof open>>
  beforeEach(async () => {
    mine = await open(path, 'w+', 0o600)
    other = await open(path, 'r+')
  })
  afterEach(async () => {
    await mine.close()
    await other.close()
    await rm(path, { force: true })
  })

  it('is one owner’s at a time, and the next one’s when it is released', async () => {
    expect(await FileLock.isHeld(other.fd)).toBe(false)
    const lock = await FileLock.tryLock(mine.fd)
    expect(lock).toBeInstanceOf(FileLock)
    expect(await FileLock.tryLock(other.fd)).toBeUndefined()
    expect(await FileLock.isHeld(other.fd)).toBe(true)
    expect(await FileLock.isHeld(mine.fd)).toBe(false)
    await lock?.release()
    await lock?.release()
    await using taken = await FileLock.tryLock(other.fd)
    expect(taken).toBeDefined()
    expect(await FileLock.isHeld(mine.fd)).toBe(true)
  })

  it('is refused for what is not open for writing', async () => {
    await expect(FileLock.tryLock(987)).rejects.toMatchObject({ code: 'EBADF' })
    const reader = await open(path, 'r')
    await expect(FileLock.tryLock(reader.fd)).rejects.toMatchObject({ code: 'EBADF' })
    await reader.close()
  })

  it('goes with a process that is killed', async () => {
    const module = new URL('../../../dist/commit/file-lock.js', import.meta.url).href
    const program = `
      import { open } from 'node:fs/promises'
      import { FileLock } from ${JSON.stringify(module)}
      const file = await open(${JSON.stringify(path)}, 'r+')
      const lock = await FileLock.tryLock(file.fd)
      console.log(lock === undefined ? 'refused' : 'locked')
      setInterval(() => lock, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await new Promise<string[]>((resolve) =>
      child.stdout.once('data', (data) => resolve([String(data)])),
    )
    expect(line).toBe('locked\n')
    expect(await FileLock.tryLock(mine.fd)).toBeUndefined()
    child.kill('SIGKILL')
    await eventually(async () => !(await FileLock.isHeld(mine.fd)))
    await using lock = await FileLock.tryLock(mine.fd)
    expect(lock).toBeDefined()
  })
})
