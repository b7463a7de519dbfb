// SPDX-License-Identifier: MIT
import { closeSync, ftruncateSync, mkdtempSync, openSync, readSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect, it } from 'vitest'
import { DmaBuffer } from '../../../lib/index.js'

const folder = mkdtempSync(join(tmpdir(), 'dma-buffer-'))
afterAll(() => rmSync(folder, { recursive: true }))

function fileOf(name: string, size: number): number {
  const fd = openSync(join(folder, name), 'w+')
  ftruncateSync(fd, size)
  return fd
}

it('is whole pages of zeros that nobody can take away', async () => {
  await using buffer = await DmaBuffer.allocate(5000)
  expect([buffer.size, buffer.pageSize]).toEqual([8192n, 4096])
  expect([buffer.trusted, buffer.writable, buffer.closed]).toEqual([true, true, false])
  expect(new Uint8Array(buffer.buffer).every((byte) => byte === 0)).toBe(true)
  expect(() => ftruncateSync(buffer.descriptor, 0)).toThrow('EPERM')
})

it('is one memory, by view, descriptor and copy', async () => {
  await using buffer = await DmaBuffer.allocate(4096)
  new Uint8Array(buffer.buffer).set([1, 2, 3], 100)
  const seen = Buffer.alloc(3)
  readSync(buffer.descriptor, seen, 0, 3, 100)
  expect([...seen]).toEqual([1, 2, 3])
  await buffer.write(101, Uint8Array.of(9))
  expect([...(await buffer.read(100, 3))]).toEqual([1, 9, 3])
  expect(buffer.buffer).toBe(buffer.buffer)
})

it('detaches its views when it is closed, and answers nothing any more', async () => {
  const buffer = await DmaBuffer.allocate(8192)
  const window = buffer.window(4096, 4096)
  const view = new Uint8Array(window.buffer)
  await Promise.all([buffer.close(), buffer.close()])
  expect(view.length).toBe(0)
  expect(buffer.descriptor).toBe(-1)
  expect(() => buffer.buffer).toThrow(expect.objectContaining({ code: 'ERR_VFIO_CLOSED' }))
  await expect(buffer.read(0, 1)).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
  await window.close()
})

it('shows parts that do not overlap', async () => {
  await using buffer = await DmaBuffer.allocate(16_384)
  const first = buffer.window(0, 8192)
  expect(() => buffer.window(4096, 8192)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_BUSY' }))
  expect(() => buffer.buffer).toThrow(expect.objectContaining({ code: 'ERR_VFIO_BUSY' }))
  const second = buffer.window(8192n, 8192n)
  new Uint8Array(second.buffer)[0] = 5
  await first.close()
  expect(first.buffer.byteLength).toBe(0)
  expect(second.buffer.byteLength).toBe(8192)
  await second.close()
  expect(new Uint8Array(buffer.buffer)[8192]).toBe(5)
})

it('shows more than 1 GiB in windows only, and has no need to be there', async () => {
  await using buffer = await DmaBuffer.allocate(6n * 2n ** 30n)
  expect(() => buffer.buffer).toThrow(expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED' }))
  await using window = buffer.window(5n * 2n ** 30n, 4096)
  new Uint8Array(window.buffer)[7] = 7
  expect([...(await buffer.read(5n * 2n ** 30n + 7n, 1))]).toEqual([7])
})

it('refuses sizes and places that it does not have', async () => {
  await expect(DmaBuffer.allocate(0)).rejects.toThrow(RangeError)
  await expect(DmaBuffer.allocate(-1)).rejects.toThrow(RangeError)
  await expect(DmaBuffer.allocate(1.5)).rejects.toThrow(RangeError)
  await expect(DmaBuffer.allocate(2n ** 64n)).rejects.toThrow(RangeError)
  await expect(DmaBuffer.allocate(2n ** 63n)).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
  await using buffer = await DmaBuffer.allocate(4096)
  await expect(buffer.read(4095, 2)).rejects.toThrow(RangeError)
  await expect(buffer.write(4096n, Uint8Array.of(1))).rejects.toThrow(RangeError)
  expect(() => buffer.window(0, 4097)).toThrow(RangeError)
  expect(() => buffer.window(0, 0)).toThrow(RangeError)
})

it('takes a part of a file, which stays the caller’s; without a view unless it is sealed', async () => {
  const fd = fileOf('memory', 16_384)
  await using buffer = await DmaBuffer.fromDescriptor(fd, { offset: 4096, length: 8192n })
  expect([buffer.size, buffer.trusted, buffer.writable]).toEqual([8192n, false, true])
  expect(() => buffer.buffer).toThrow(
    expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED', message: expect.stringContaining('read()') }),
  )
  await buffer.write(10, Uint8Array.of(1, 2, 3))
  const seen = Buffer.alloc(3)
  readSync(fd, seen, 0, 3, 4106)
  expect([...seen]).toEqual([1, 2, 3])
  ftruncateSync(fd, 4096)
  await expect(buffer.read(0, 1)).rejects.toMatchObject({ code: 'EFAULT' })
  await expect(buffer.write(0, Uint8Array.of(1))).rejects.toMatchObject({ code: 'EFAULT' })
  closeSync(fd)
})

it('takes another buffer’s memory by its descriptor', async () => {
  await using one = await DmaBuffer.allocate(8192)
  await using other = await DmaBuffer.fromDescriptor(one.descriptor, { length: 8192 })
  expect(other.trusted).toBe(true)
  new Uint8Array(one.buffer)[4097] = 3
  await one.close()
  expect(new Uint8Array(other.buffer)[4097]).toBe(3)
})

it('refuses parts that a file does not have, and what is no file', async () => {
  const fd = fileOf('small', 4096)
  for (const part of [{ length: 8192 }, { offset: 1, length: 4096 }, { length: 100 }, { length: 0 }]) {
    await expect(DmaBuffer.fromDescriptor(fd, part)).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
  }
  closeSync(fd)
  const folderFd = openSync(folder, 'r')
  await expect(DmaBuffer.fromDescriptor(folderFd, { length: 4096 })).rejects.toMatchObject({
    code: 'ERR_VFIO_MALFORMED',
  })
  closeSync(folderFd)
  await expect(DmaBuffer.fromDescriptor(-1, { length: 4096 })).rejects.toMatchObject({ code: 'EBADF' })
})
