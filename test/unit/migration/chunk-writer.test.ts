// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import { createServer, connect as netConnect, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, it } from 'vitest'
import { type Chunk, ChunkWriter, type MigratableDevice, type SaveSession } from '../../../lib/index.js'
import { type SimulatedOptions, simulatedDevice } from '../../../lib/simulated/index.js'
import { temporaryFile } from './temporary-file.js'

const MIB = 2 ** 20

/** A socket whose reader reads nothing: its buffers fill, and a write into it waits. */
async function deafReader(): Promise<{ fd: number; reader: Socket; close: () => void }> {
  const path = join(tmpdir(), `vfio-chunk-writer-${process.pid}-${Math.random()}`)
  const server = createServer({ pauseOnConnect: true }).listen(path)
  await once(server, 'listening')
  const near = netConnect(path)
  const [[reader]] = (await Promise.all([once(server, 'connection'), once(near, 'connect')])) as [
    [Socket],
    unknown,
  ]
  server.close()
  near.on('error', () => undefined)
  const { fd } = (near as unknown as { _handle: { fd: number } })._handle
  const close = () => {
    near.destroy()
    reader.destroy()
  }
  return { fd, reader, close }
}

describe('a chunk writer', () => {
  const open: (() => unknown)[] = []
  afterEach(async () => {
    for (const close of open.splice(0).reverse()) await close()
  })

  async function saving(options: SimulatedOptions): Promise<{ device: MigratableDevice; save: SaveSession }> {
    const device = await simulatedDevice(options)
    open.push(() => device.close())
    const save = await (await device.migration()).save({ bufferSize: MIB })
    open.push(() => save.close())
    return { device, save }
  }
  const writerOver = (fd: number, signal?: AbortSignal): ChunkWriter => {
    const writer = ChunkWriter.over(fd, { signal })
    open.push(() => writer.close())
    return writer
  }

  it.each([
    ['v2', { protocol: 'v2' }],
    ['v1, mapped', { protocol: 'v1', data: 'mapped', chunk: MIB }],
    ['v1, trapped', { protocol: 'v1', data: 'trapped', chunk: MIB }],
  ] as const)('writes what a save reads, %s', async (_, kind) => {
    const options: SimulatedOptions = { ...kind, state: 8 * MIB, seed: 5 }
    const piped = await temporaryFile(open)
    const { save: first } = await saving(options)
    await first.pipeTo(piped.fd)
    const written = await temporaryFile(open)
    const { save } = await saving(options)
    const writer = writerOver(written.fd)
    for await (const chunk of save) await writer.write(chunk)
    await writer.flush()
    expect(writer.written).toEqual(save.moved)
    expect((await readFile(written.path)).equals(await readFile(piped.path))).toBe(true)
  })

  it('has at most one chunk on its way, and reads on meanwhile', async () => {
    const { save } = await saving({ protocol: 'v2', state: 64 * MIB })
    const { fd, close } = await deafReader()
    open.push(close)
    const writer = writerOver(fd)
    const chunks = save[Symbol.asyncIterator]()
    const next = async (): Promise<Chunk> => (await chunks.next()).value as Chunk
    let handed = 0
    const handing = (async () => {
      for (;;) {
        const chunk = await next()
        handed++
        await writer.write(chunk)
      }
    })()
    handing.catch(() => undefined)
    // What the socket's buffers take is unknown; then one on its way, and one that waits for it.
    await expect.poll(() => handed - writer.written.chunks).toBe(2)
    await new Promise((resolve) => setTimeout(resolve, 50))
    expect(handed - writer.written.chunks).toBe(2)
    await writer.close()
    await expect(handing).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('takes a chunk once, and only one that is lent', async () => {
    const { save } = await saving({ protocol: 'v2', state: 8 * MIB })
    const { fd } = await temporaryFile(open)
    const writer = writerOver(fd)
    const chunks = save[Symbol.asyncIterator]()
    const first = (await chunks.next()).value as Chunk
    const old = (await chunks.next()).value as Chunk
    await expect(writer.write(first)).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    await writer.write(old)
    expect(old.data.length).toBe(0)
    await expect(writer.write(old)).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    const own: Chunk = { data: new Uint8Array(16), phase: 'stop-copy' }
    await expect(writer.write(own)).rejects.toThrow(TypeError)
  })

  it('lets a mapped device stage its next chunks while a small one is written', async () => {
    const { save } = await saving({ protocol: 'v1', data: 'mapped', chunk: MIB, state: 32 * MIB })
    const { fd, reader, close } = await deafReader()
    open.push(close)
    const writer = writerOver(fd)
    const chunks = save[Symbol.asyncIterator]()
    // More than the socket holds: the last of them are not written yet.
    const taken = []
    for (let n = 0; n < 3; n++) taken.push(writer.write((await chunks.next()).value as Chunk))
    const next = (await chunks.next()).value as Chunk
    expect(next.data.length).toBeGreaterThan(0)
    expect(writer.written.chunks).toBeLessThan(3)
    reader.resume()
    await Promise.all(taken)
    await writer.flush()
    expect(writer.written.chunks).toBe(3)
  })

  it('does not let a mapped device stage its next chunk while a large one is written', async () => {
    const { save } = await saving({ protocol: 'v1', data: 'mapped', chunk: 5 * MIB, state: 60 * MIB })
    const { fd, reader, close } = await deafReader()
    open.push(close)
    const writer = writerOver(fd)
    const chunks = save[Symbol.asyncIterator]()
    let writing: Promise<void> | undefined
    const rejected = (async () => {
      for (;;) {
        writing = writer.write((await chunks.next()).value as Chunk)
        writing.catch(() => undefined)
        if (
          (await Promise.race([writing, new Promise((resolve) => setTimeout(resolve, 100, 'waits'))])) ===
          'waits'
        ) {
          return chunks.next() // without waiting for the write
        }
      }
    })()
    await expect(rejected).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    reader.resume()
    await writing
  })

  it('goes on failing after a failure, and says which', async () => {
    const { save } = await saving({ protocol: 'v2', state: 64 * MIB })
    const { fd, reader, close } = await deafReader()
    open.push(close)
    const writer = writerOver(fd)
    setTimeout(() => reader.destroy(), 30)
    const all = (async () => {
      for await (const chunk of save) await writer.write(chunk)
      await writer.flush()
    })()
    await expect(all).rejects.toMatchObject({ code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/) })
    await expect(writer.flush()).rejects.toMatchObject({
      code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/),
    })
  })

  it('ends a write in progress when its signal says so', async () => {
    const { save } = await saving({ protocol: 'v2', state: 64 * MIB })
    const { fd, close } = await deafReader()
    open.push(close)
    const abort = new AbortController()
    const writer = writerOver(fd, abort.signal)
    setTimeout(() => abort.abort(new Error('enough')), 30)
    const all = (async () => {
      for await (const chunk of save) await writer.write(chunk)
    })()
    await expect(all).rejects.toMatchObject({ name: 'AbortError' })
    await writer.close()
    await expect(writer.flush()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
  })

  it('outlives the save and the device whose chunks it has', async () => {
    const { device, save } = await saving({ protocol: 'v2', state: 64 * MIB, seed: 3 })
    const { fd, reader, close } = await deafReader()
    open.push(close)
    const writer = writerOver(fd)
    const chunks = save[Symbol.asyncIterator]()
    let handed = 0
    for (; handed < 2; handed++) await writer.write((await chunks.next()).value as Chunk)
    await save.close()
    await device.close()
    let received = 0
    reader.on('data', (data) => {
      received += data.length
    })
    reader.resume()
    await writer.flush()
    await expect.poll(() => received).toBe(handed * MIB)
  })

  it('cannot be made over what cannot be written', () => {
    expect(() => ChunkWriter.over(987)).toThrow(expect.objectContaining({ code: 'EBADF' }))
  })
})
