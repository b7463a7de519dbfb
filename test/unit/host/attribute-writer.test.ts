// SPDX-License-Identifier: MIT
import { execFileSync } from 'node:child_process'
import { existsSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { AttributeWriter, PendingWriteError } from '../../../lib/host/attribute-writer.js'
import { carryOut } from '../../../lib/host/host-change.js'

describe('a writer of attributes', () => {
  let folder: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vfio-writer-'))
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  it('writes in order, from one process', async () => {
    const path = join(folder, 'attribute')
    writeFileSync(path, '')
    await using writer = new AttributeWriter()
    await Promise.all([writer.write(path, 'first'), writer.write(path, 'again'), writer.write(path, 'third')])
    expect(readFileSync(path, 'utf8')).toBe('third')
  })

  it('makes no file, and reports the kernel’s errno', async () => {
    const path = join(folder, 'nothing')
    await using writer = new AttributeWriter()
    await expect(writer.write(path, '1')).rejects.toMatchObject({
      code: 'ENOENT',
      message: expect.stringContaining(path),
    })
    await expect(writer.write(folder, '1')).rejects.toMatchObject({ code: 'EISDIR' })
    expect(existsSync(path)).toBe(false)
  })

  it('is not held up by a write that blocks, and says that it is still going on', async () => {
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    await using writer = new AttributeWriter()
    const controller = new AbortController()
    const stuck = writer.write(fifo, '1', controller.signal)
    setTimeout(() => controller.abort(), 200)
    await expect(stuck).rejects.toBeInstanceOf(PendingWriteError)
    const path = join(folder, 'attribute')
    writeFileSync(path, '')
    await writer.write(path, 'after')
    expect(readFileSync(path, 'utf8')).toBe('after')
  })

  it('whose change is stuck undoes nothing behind it, and names what is pending', async () => {
    const fifo = join(folder, 'fifo')
    const path = join(folder, 'attribute')
    execFileSync('mkfifo', [fifo])
    writeFileSync(path, '0')
    const writes = [
      { path, value: '1', undo: [{ path, value: '0' }] },
      { path: fifo, value: '2' },
    ]
    const failed = carryOut({ device: 'x', writes }, { signal: AbortSignal.timeout(700) })
    await expect(failed).rejects.toMatchObject({
      name: 'AbortError',
      restored: false,
      done: [{ path, value: '1' }],
      pending: { path: fifo, value: '2' },
    })
    expect(readFileSync(path, 'utf8')).toBe('1')
  })

  it('leaves the event loop free', async () => {
    const fifo = join(folder, 'fifo')
    execFileSync('mkfifo', [fifo])
    await using writer = new AttributeWriter()
    let turns = 0
    const timer = setInterval(() => turns++, 10)
    const written = writer.write(fifo, 'late')
    await new Promise((resolve) => setTimeout(resolve, 200))
    expect(turns).toBeGreaterThan(5)
    openSync(fifo, 'r+')
    await written
    clearInterval(timer)
  })
})
