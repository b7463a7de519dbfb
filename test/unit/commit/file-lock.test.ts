// SPDX-License-Identifier: MIT
import { spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { addonPaths } from '../../../lib/binding.js'
import { isFileLocked, tryLockFile } from '../../../lib/commit/file-lock.js'
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

  it('is one open file’s at a time, and the next one’s when that is closed', async () => {
    expect(await isFileLocked(other.fd)).toBe(false)
    expect(await tryLockFile(mine.fd)).toBe(true)
    expect(await tryLockFile(mine.fd)).toBe(true)
    expect(await tryLockFile(other.fd)).toBe(false)
    expect(await isFileLocked(other.fd)).toBe(true)
    expect(await isFileLocked(mine.fd)).toBe(false)
    await mine.close()
    expect(await tryLockFile(other.fd)).toBe(true)
  })

  it('is refused for what is not open for writing', async () => {
    await expect(tryLockFile(987)).rejects.toMatchObject({ code: 'EBADF' })
    const reader = await open(path, 'r')
    await expect(tryLockFile(reader.fd)).rejects.toMatchObject({ code: 'EBADF' })
    await reader.close()
  })

  it('goes with a process that is killed', async () => {
    const program = `
      import { open } from 'node:fs/promises'
      import { createRequire } from 'node:module'
      const addon = createRequire(import.meta.url)(${JSON.stringify(addonPaths().find(existsSync))})
      const file = await open(${JSON.stringify(path)}, 'r+')
      console.log((await addon.lockDescriptor(file.fd)) === true ? 'locked' : 'refused')
      setInterval(() => file, 1000)`
    const child = spawn(process.execPath, ['--input-type=module', '--eval', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    const [line] = await new Promise<string[]>((resolve) =>
      child.stdout.once('data', (data) => resolve([String(data)])),
    )
    expect(line).toBe('locked\n')
    expect(await tryLockFile(mine.fd)).toBe(false)
    child.kill('SIGKILL')
    await eventually(async () => !(await isFileLocked(mine.fd)))
    expect(await tryLockFile(mine.fd)).toBe(true)
  })
})
