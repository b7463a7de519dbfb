// SPDX-License-Identifier: MIT
import { chmodSync, existsSync, mkdirSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { DescriptorListener } from '../../../lib/index.js'
import { listenSafely } from '../../../lib/ownership/socket-place.js'
import { SocketFolder } from './places.js'

const mode = (path: string): number => statSync(path).mode & 0o7777
const unsafe = { code: 'ERR_VFIO_SOCKET_PLACE' }

describe('the place of a socket that devices are handed over', () => {
  let folder: SocketFolder
  let directory: string
  let socket: string
  beforeEach(() => {
    folder = new SocketFolder()
    directory = join(folder.path, 'place')
    socket = join(directory, 'socket')
  })
  afterEach(() => folder[Symbol.dispose]())

  it('is made so that only its owner can enter', async () => {
    await using _ = await listenSafely(socket, false)
    expect(mode(directory)).toBe(0o700)
    expect(mode(socket)).toBe(0o600)
  })

  it('can be entered, not written, by others where others are served', async () => {
    await using _ = await listenSafely(socket, true)
    expect(mode(directory)).toBe(0o711)
    expect(mode(socket)).toBe(0o666)
  })

  it.each([
    ['writable by everybody', 0o777, false],
    ['sticky as /tmp', 0o1777, false],
    ['writable by its group', 0o770, true],
    ['one that others can enter', 0o711, false],
    ['one that its group can read', 0o740, false],
  ])('is refused: %s', async (_, bits, toOthers) => {
    mkdirSync(directory)
    chmodSync(directory, bits)
    await expect(listenSafely(socket, toOthers)).rejects.toMatchObject(unsafe)
    expect(existsSync(socket)).toBe(false)
  })

  it('is refused when it is a link, a file, or what cannot be made', async () => {
    mkdirSync(join(folder.path, 'real'), { mode: 0o700 })
    symlinkSync(join(folder.path, 'real'), directory)
    await expect(listenSafely(socket, false)).rejects.toMatchObject(unsafe)
    writeFileSync(join(folder.path, 'file'), '')
    await expect(listenSafely(join(folder.path, 'file', 'socket'), false)).rejects.toMatchObject(unsafe)
    await expect(listenSafely(join(folder.path, 'a', 'b', 'socket'), false)).rejects.toMatchObject(unsafe)
    await expect(listenSafely(join(folder.path, 'a#b'), false)).rejects.toMatchObject(unsafe)
  })

  it('is taken over from a dead process, and from no living one', async () => {
    const dead = await listenSafely(socket, false)
    await dead.close()
    expect(existsSync(socket)).toBe(true)
    const alive = await listenSafely(socket, false)
    await expect(listenSafely(socket, false)).rejects.toMatchObject({ code: 'ERR_VFIO_IN_USE' })
    await alive.close()
    const file = join(directory, 'file')
    writeFileSync(file, 'precious')
    await expect(listenSafely(file, false)).rejects.toMatchObject(unsafe)
    expect(existsSync(file)).toBe(true)
    await expect(DescriptorListener.listen(file)).rejects.toMatchObject({ code: 'EADDRINUSE' })
  })
})
