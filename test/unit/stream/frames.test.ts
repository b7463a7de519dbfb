// SPDX-License-Identifier: MIT
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type FileHandle, open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { binding } from '../../../lib/binding.js'
import { unwrap, type VfioError } from '../../../lib/errors/index.js'
import {
  deviceStateSection,
  FrameReader,
  FrameWriter,
  type Manifest,
  verifyFile,
  type Wiring,
  wiringSection,
} from '../../../lib/stream/index.js'
import { readStream } from '../../support/minimal-stream-reader.js'

const manifest: Manifest = {
  devices: [{ index: 0, protocol: 'v2', identity: { kind: 'simulated', name: 'sim:v2' } }],
}
const wiring: Wiring = {
  command: {
    io: false,
    memory: true,
    busMaster: true,
    parityErrorResponse: false,
    systemErrors: false,
    intxDisable: true,
  },
}
const key = Buffer.alloc(32, 7)
const chunks = [Buffer.from('the state'), Buffer.alloc(0), Buffer.alloc(300, 'x')]
const damage = /^ERR_VFIO_(STREAM_(CORRUPT|TRUNCATED|VERSION)|MALFORMED|CHUNK_TOO_LARGE)$/

describe('a stream', () => {
  let folder: string
  let path: string
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vfio-frames-'))
    path = join(folder, 'device.vfm')
  })
  afterEach(() => rmSync(folder, { recursive: true }))

  async function using<T>(flags: string, body: (file: FileHandle) => Promise<T>): Promise<T> {
    const file = await open(path, flags)
    try {
      return await body(file)
    } finally {
      await file.close()
    }
  }

  const write = (options: { strong?: boolean; key?: Uint8Array } = {}): Promise<Buffer> =>
    using('w', async ({ fd }) => {
      await using writer = FrameWriter.open(fd, options)
      await writer.writeManifest(manifest)
      await writer.beginSection(1, deviceStateSection())
      for (const chunk of chunks) if (chunk.length > 0) await writer.writeData(1, chunk)
      await writer.endSection(1)
      await writer.finish()
      return readFileSync(path)
    })

  const verified = async (bytes: Buffer, options: { key?: Uint8Array } = {}): Promise<string> => {
    writeFileSync(path, bytes)
    try {
      await verifyFile(path, options)
      return 'intact'
    } catch (error) {
      return (error as VfioError).code
    }
  }

  it.each([
    ['plain', {}],
    ['strong', { strong: true }],
    ['keyed', { key }],
  ])('that is %s is what an independent reader makes of it', async (kind, options) => {
    const bytes = await write(options)
    const { manifest: read, sections } = readStream(bytes, kind === 'keyed' ? { key } : {})
    expect(read).toEqual(manifest)
    expect(sections.map((section) => section.chunks)).toEqual([[chunks[0], chunks[2]]])
    const summary = await verifyFile(path, kind === 'keyed' ? { key } : {})
    expect(summary).toMatchObject({
      protocol: 'v2',
      devices: manifest.devices,
      sections: [{ section: 1, kind: 'device-state', device: 0, frames: 2, bytes: 309 }],
      frames: 6,
      bytes: bytes.length,
      payloadBytes: 309,
      strong: kind !== 'plain',
      keyed: kind === 'keyed',
      authenticated: kind === 'keyed',
    })
  })

  it('is refused with any byte flipped', async () => {
    const bytes = await write()
    for (let at = 0; at < bytes.length; at += 1) {
      const flipped = Buffer.from(bytes)
      flipped[at] = (flipped[at] as number) ^ (1 << (at % 8))
      expect(await verified(flipped), `byte ${at}`).toMatch(damage)
    }
  })

  it('is refused cut off anywhere, and with anything behind it', async () => {
    const bytes = await write({ strong: true })
    for (let length = 0; length < bytes.length; length += 1) {
      expect(await verified(bytes.subarray(0, length)), `${length} bytes`).toMatch(damage)
    }
    expect(await verified(Buffer.concat([bytes, Buffer.alloc(1)]))).toMatch(damage)
    expect(await verified(bytes)).toBe('intact')
  })

  it('is authentic with the right key only', async () => {
    const bytes = await write({ key })
    expect(await verified(bytes, { key })).toBe('intact')
    expect(await verified(bytes)).toBe('intact')
    expect(await verified(bytes, { key: Buffer.alloc(32, 8) })).toBe('ERR_VFIO_STREAM_CORRUPT')
    expect(await verified(await write(), { key })).toBe('ERR_VFIO_STREAM_CORRUPT')
  })

  it('that names a device its manifest lacks is refused', async () => {
    await using('w', async ({ fd }) => {
      await using writer = FrameWriter.open(fd)
      await writer.writeManifest(manifest)
      await writer.beginSection(1, deviceStateSection(1))
      await writer.endSection(1)
      await writer.finish()
    })
    await expect(verifyFile(path)).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
  })

  it('is written in order, or not at all', async () => {
    await using('w', async ({ fd }) => {
      await using writer = FrameWriter.open(fd)
      await expect(writer.writeData(1, Buffer.from('early'))).rejects.toMatchObject({ code: /^ERR_VFIO_/ })
      await writer.writeManifest(manifest)
      await expect(writer.finish().then(() => writer.writeManifest(manifest))).rejects.toMatchObject({
        code: expect.stringMatching(/^ERR_VFIO_/),
      })
    }).catch((error: unknown) => expect((error as VfioError).code).toMatch(/^ERR_VFIO_/))
  })

  it('takes one call at a time, and none after close', async () => {
    await using('w', async ({ fd }) => {
      const writer = FrameWriter.open(fd)
      const first = writer.writeManifest(manifest)
      await expect(writer.finish()).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
      await first
      await writer.close()
      await writer.close()
      await expect(writer.finish()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    })
  })

  it('is the same concluded at once as piece by piece', async () => {
    const bytes = await write()
    await using('w', async ({ fd }) => {
      await using writer = FrameWriter.open(fd)
      await writer.writeManifest(manifest)
      await writer.beginSection(1, deviceStateSection())
      for (const chunk of chunks) if (chunk.length > 0) await writer.writeData(1, chunk)
      await writer.conclude(1)
    })
    expect(readFileSync(path)).toEqual(bytes)
  })

  /** Manifest, a frame of data, then all that follows at once; `damaged`: a byte of the last frame is. */
  async function concluded(damaged: boolean): Promise<void> {
    await using('w', async ({ fd }) => {
      await using writer = FrameWriter.open(fd)
      await writer.writeManifest(manifest)
      await writer.beginSection(1, deviceStateSection())
      await writer.writeData(1, Buffer.from('data'))
      await writer.conclude(1, new Map([[2, wiringSection(wiring)]]))
    })
    if (!damaged) return
    const bytes = readFileSync(path)
    bytes[bytes.length - 1] = (bytes[bytes.length - 1] as number) ^ 1
    writeFileSync(path, bytes)
  }

  async function kindsOf(reader: FrameReader, kinds: string[]): Promise<void> {
    for await (const frame of reader.frames()) {
      kinds.push(frame.kind)
      if (frame.kind === 'data') await reader.skipData(frame.section)
    }
  }

  it('yields the same frames one by one and as they are there', async () => {
    await concluded(false)
    await using('r', async ({ fd }) => {
      await using reader = FrameReader.open(fd)
      const kinds: string[] = []
      await kindsOf(reader, kinds)
      expect(kinds).toEqual([
        'manifest',
        'section-begin',
        'data',
        'section-end',
        'section-begin',
        'section-end',
      ])
      expect(reader.totals).toMatchObject({ frames: 7 })
    })
  })

  it('yields what is intact before it fails', async () => {
    await concluded(true)
    await using('r', async ({ fd }) => {
      await using reader = FrameReader.open(fd)
      const kinds: string[] = []
      await expect(kindsOf(reader, kinds)).rejects.toMatchObject({ code: 'ERR_VFIO_STREAM_CORRUPT' })
      expect(kinds).toHaveLength(6)
    })
  })

  it('does not hold back a frame for one that is still to come', async () => {
    const [near, far] = unwrap(binding().streamPair())
    try {
      await using writer = FrameWriter.open(near.descriptor)
      await using reader = FrameReader.open(far.descriptor)
      const frames = reader.frames()
      await writer.writeManifest(manifest)
      expect((await frames.next()).value).toMatchObject({ kind: 'manifest' })
      await writer.beginSection(1, deviceStateSection())
      expect((await frames.next()).value).toMatchObject({ kind: 'section-begin' })
    } finally {
      await Promise.all([near.close(), far.close()])
    }
  })

  it('begins with a manifest', async () => {
    await write()
    await using('r', async ({ fd }) => {
      await using reader = FrameReader.open(fd)
      expect(await reader.readManifest()).toEqual(manifest)
      await expect(reader.readManifest()).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
    })
  })

  it('is not begun once the caller has given up', async () => {
    const signal = AbortSignal.abort(new Error('enough'))
    await write()
    await expect(verifyFile(path, { signal })).rejects.toMatchObject({
      name: 'AbortError',
      code: 'ABORT_ERR',
    })
  })

  it.each([0, 15])('has no key of %i bytes', async (length) => {
    await using('w', async ({ fd }) => {
      expect(() => FrameWriter.open(fd, { key: Buffer.alloc(length) })).toThrow(RangeError)
    })
  })

  it('on a descriptor that cannot be written is Node’s kind of error', async () => {
    writeFileSync(path, '')
    await using('r', async ({ fd }) => {
      const attempt = async (): Promise<void> => {
        await using writer = FrameWriter.open(fd)
        await writer.writeManifest(manifest)
      }
      await expect(attempt()).rejects.toMatchObject({ code: 'EBADF' })
    })
  })
})
