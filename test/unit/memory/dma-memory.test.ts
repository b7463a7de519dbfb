// SPDX-License-Identifier: MIT
import { type FileHandle, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import {
  type DirtyRun,
  DmaBuffer,
  type DmaMemory,
  dmaMemory,
  FrameWriter,
  loadFromFile,
  type MemoryPart,
  type MemorySent,
  openDevice,
  RateLimit,
  verifyFile,
} from '../../../lib/index.js'
import { memorySection } from '../../../lib/stream/section.js'
import { expectedMemory } from '../../support/generator.js'

const PAGE = 4096
const BASE = 0xffff_f000_0000n
const devices = [{ index: 0, protocol: 'v2' as const, identity: { kind: 'simulated' as const } }]
const never = new AbortController().signal
const refused = /^ERR_VFIO_(STREAM_(CORRUPT|TRUNCATED|VERSION)|MALFORMED|CHUNK_TOO_LARGE|INCOMPATIBLE)$/

const buffers: DmaBuffer[] = []
let path = ''
beforeEach(() => {
  path = join(tmpdir(), `vfm-memory-${process.pid}-${Math.random().toString(36).slice(2)}`)
})
afterEach(async () => {
  for (const buffer of buffers.splice(0)) await buffer.close()
  await rm(path, { force: true })
})

async function allocate(pages: number): Promise<DmaBuffer> {
  const buffer = await DmaBuffer.allocate(pages * PAGE)
  buffers.push(buffer)
  return buffer
}

const bytesOf = (buffer: DmaBuffer): Uint8Array => new Uint8Array(buffer.buffer)

async function withFile<T>(flags: string, body: (file: FileHandle) => Promise<T>): Promise<T> {
  const file = await open(path, flags)
  try {
    return await body(file)
  } finally {
    await file.close()
  }
}

/** Sends rounds of runs into the file. */
function save(memory: DmaMemory, ...rounds: readonly (readonly DirtyRun[])[]): Promise<MemorySent[]> {
  return withFile('w', async ({ fd }) => {
    const sent: MemorySent[] = []
    await memory.begin({ fd, devices, signal: never })
    for (const [index, runs] of rounds.entries()) {
      const final = index === rounds.length - 1
      sent.push(
        await memory.send({ round: index + 1, runs, dirtyBytes: 0, final, complete: true, cause: undefined }),
      )
    }
    await memory.finish()
    await memory.close()
    return sent
  })
}

const load = (memory: DmaMemory): Promise<void> => withFile('r', ({ fd }) => memory.receive(fd, never))

async function outcome(memory: DmaMemory): Promise<string> {
  try {
    await load(memory)
    return 'taken in'
  } catch (error) {
    return (error as { code: string }).code
  }
}

describe('memory sent as a stream', () => {
  it('arrives, in buffers divided up in another way', async () => {
    const one = await allocate(600)
    bytesOf(one).set(expectedMemory(3, 600 * PAGE))
    bytesOf(one).fill(0, 40 * PAGE, 90 * PAGE)
    const source = dmaMemory([{ iova: BASE, buffer: one }])
    const [left, right] = [await allocate(302), await allocate(302)]
    for (const buffer of [left, right]) bytesOf(buffer).fill(0xaa)
    const destination = dmaMemory([
      { iova: BASE + BigInt(300 * PAGE), buffer: right, offset: PAGE, length: 300 * PAGE },
      { iova: BASE, buffer: left, offset: 2 * PAGE },
    ])
    expect(destination.ranges).toEqual(source.ranges)
    await save(source, source.ranges)
    await load(destination)
    const arrived = Buffer.concat([
      bytesOf(left).subarray(2 * PAGE),
      bytesOf(right).subarray(PAGE, 301 * PAGE),
    ])
    expect(Buffer.compare(arrived, bytesOf(one))).toBe(0)
    // What lies around it is not its own.
    expect(bytesOf(left).subarray(0, 2 * PAGE)).toEqual(new Uint8Array(2 * PAGE).fill(0xaa))
    expect(bytesOf(right).subarray(301 * PAGE)).toEqual(new Uint8Array(PAGE).fill(0xaa))
    expect(await verifyFile(path)).toMatchObject({ devices, sections: [{ kind: 'memory' }] })
  })

  it('takes next to nothing for pages of zeros, which are cleared there', async () => {
    const source = dmaMemory([{ iova: BASE, buffer: await allocate(1000) }])
    const target = await allocate(1000)
    bytesOf(target).fill(1)
    const [sent] = await save(source, source.ranges)
    expect(sent).toMatchObject({ bytes: 1000 * PAGE })
    expect(sent?.wireBytes).toBeLessThan(2 * PAGE)
    await load(dmaMemory([{ iova: BASE, buffer: target }]))
    expect(bytesOf(target).every((byte) => byte === 0)).toBe(true)
  })

  it('is what the last round says, page by page', async () => {
    const [from, to] = [await allocate(64), await allocate(64)]
    const source = dmaMemory([{ iova: BASE, buffer: from }])
    bytesOf(from).set(expectedMemory(1, 64 * PAGE))
    const odd = Array.from({ length: 32 }, (_, at) => ({
      iova: BASE + BigInt((2 * at + 1) * PAGE),
      length: BigInt(PAGE),
    }))
    await withFile('w', async ({ fd }) => {
      await source.begin({ fd, devices, signal: never })
      const round = { dirtyBytes: 0, final: false, complete: true, cause: undefined }
      await source.send({ ...round, round: 1, runs: source.ranges })
      for (const { iova } of odd) bytesOf(from).fill(0, Number(iova - BASE), Number(iova - BASE) + 200)
      bytesOf(from).fill(7, 10 * PAGE + 1, 10 * PAGE + 3)
      source.touch(BASE + BigInt(10 * PAGE + 1), 2)
      expect(await source.send({ ...round, round: 2, runs: odd, final: true })).toMatchObject({
        bytes: 33 * PAGE,
      })
      await source.finish()
      await source.close()
    })
    await load(dmaMemory([{ iova: BASE, buffer: to }]))
    expect(Buffer.compare(bytesOf(to), bytesOf(from))).toBe(0)
  })

  it('has its share in a limit to the bandwidth', async () => {
    const from = await allocate(1024)
    bytesOf(from).fill(1)
    const memory = dmaMemory([{ iova: BASE, buffer: from }])
    const rateLimit = new RateLimit(10 * 2 ** 20)
    const began = performance.now()
    await withFile('w', async ({ fd }) => {
      await memory.begin({ fd, devices, signal: never, rateLimit })
      const round = { round: 1, runs: memory.ranges, dirtyBytes: 0, final: true, complete: true }
      await memory.send({ ...round, cause: undefined })
      await memory.close()
    })
    // 4 MiB less the burst and the last frame.
    expect(performance.now() - began).toBeGreaterThan(200)
  })

  it('can be memory of which there are no views, at either end', async () => {
    const file = await open(path, 'w+')
    await file.write(expectedMemory(5, 8 * PAGE))
    const untrusted = await DmaBuffer.fromDescriptor(file.fd, { length: 8 * PAGE })
    buffers.push(untrusted)
    await file.close()
    expect(untrusted.trusted).toBe(false)
    await rm(path)
    const target = await allocate(8)
    const source = dmaMemory([{ iova: BASE, buffer: untrusted }])
    await save(source, source.ranges)
    await load(dmaMemory([{ iova: BASE, buffer: target }]))
    expect(Buffer.compare(bytesOf(target), expectedMemory(5, 8 * PAGE))).toBe(0)
    bytesOf(target).fill(9)
    const back = dmaMemory([{ iova: BASE, buffer: target }])
    await save(back, back.ranges)
    await load(dmaMemory([{ iova: BASE, buffer: untrusted }]))
    expect((await untrusted.read(0, 8 * PAGE)).every((byte) => byte === 9)).toBe(true)
  })
})

describe('a stream of memory that is not right', () => {
  it('is refused wherever it is damaged or cut off, and nothing beside the memory is written', async () => {
    const from = await allocate(3)
    bytesOf(from).set(expectedMemory(1, 3 * PAGE))
    const source = dmaMemory([{ iova: BASE, buffer: from }])
    await save(source, source.ranges)
    const whole = await withFile('r', (file) => file.readFile())
    const target = await allocate(5)
    const memory = dmaMemory([{ iova: BASE, buffer: target, offset: PAGE, length: 3 * PAGE }])
    let damaged = 0
    for (let at = 0; at < whole.length; at += at > 600 && at < whole.length - 250 ? 499 : 7) {
      for (const bytes of [whole.subarray(0, at), flipped(whole, at)]) {
        await withFile('w', (file) => file.writeFile(bytes))
        expect(await outcome(memory), `byte ${at}`).toMatch(refused)
        damaged++
      }
    }
    expect(damaged).toBeGreaterThan(200)
    const around = [...bytesOf(target).subarray(0, PAGE), ...bytesOf(target).subarray(4 * PAGE)]
    expect(around.every((byte) => byte === 0)).toBe(true)
    await withFile('w', (file) => file.writeFile(whole))
    expect(await outcome(memory)).toBe('taken in')
  })

  function flipped(whole: Uint8Array, at: number): Uint8Array {
    const bytes = Uint8Array.from(whole)
    bytes[at] = (bytes[at] as number) ^ 0x10
    return bytes
  }

  /** A stream of the right form whose one data frame says what it likes. */
  const forge = (
    payload: Uint8Array,
    ranges: readonly DirtyRun[] = [{ iova: BASE, length: BigInt(3 * PAGE) }],
  ): Promise<void> =>
    withFile('w', async ({ fd }) => {
      await using writer = FrameWriter.open(fd)
      await writer.writeManifest({ devices })
      await writer.beginSection(1, memorySection(ranges))
      await writer.writeData(1, payload)
      await writer.endSection(1)
      await writer.finish()
    })

  const record = (iova: bigint, word: bigint, pages = 0): Uint8Array => {
    const bytes = Buffer.alloc(16 + pages * PAGE, 0xee)
    bytes.writeBigUInt64LE(BigInt.asUintN(64, iova), 0)
    bytes.writeBigUInt64LE(BigInt.asUintN(64, word), 8)
    return bytes
  }
  const one = BigInt(PAGE)
  const good = record(BASE, one, 1)

  it.each([
    ['before the memory', record(BASE - one, one, 1)],
    ['behind it', record(BASE + 3n * one, one, 1)],
    ['across its end', record(BASE + 2n * one, 2n * one, 2)],
    ['in its gap', record(BASE + 3n * one, one | 1n)],
    ['zeros across its end', record(BASE + 2n * one, (2n * one) | 1n)],
    ['zeros round the end of all addresses', record(-one, (2n * one) | 1n)],
    ['more zeros than there are addresses', record(BASE, -one | 1n)],
    ['no page', record(BASE, 0n)],
    ['no page of zeros', record(BASE, 1n)],
    ['half a page', record(BASE, one / 2n, 1)],
    ['not at a page', record(BASE + 8n, one, 1)],
    ['fewer pages than it says', record(BASE, 2n * one, 1)],
    ['half a header', good.subarray(0, 8)],
  ])('is refused before anything is written: %s', async (_, bad) => {
    const target = await allocate(5)
    const part: MemoryPart = { iova: BASE, buffer: target, offset: PAGE, length: 3 * PAGE }
    await forge(Buffer.concat([good, bad]))
    expect(await outcome(dmaMemory([part]))).toBe('ERR_VFIO_MALFORMED')
    expect(bytesOf(target).every((byte) => byte === 0)).toBe(true)
    await forge(good)
    expect(await outcome(dmaMemory([part]))).toBe('taken in')
    expect(bytesOf(target)[PAGE]).toBe(0xee)
  })

  it.each([
    ['less', [{ iova: BASE, length: one }]],
    ['more', [{ iova: BASE, length: 4n * one }]],
    ['elsewhere', [{ iova: BASE + one, length: 3n * one }]],
    ['beyond 64 bits', [{ iova: 2n ** 65n, length: 3n * one }]],
    [
      'twice',
      [
        { iova: BASE, length: 3n * one },
        { iova: BASE, length: 3n * one },
      ],
    ],
  ])('is refused by its layout: %s', async (_, ranges) => {
    const target = await allocate(3)
    await forge(good, ranges)
    expect(await outcome(dmaMemory([{ iova: BASE, buffer: target }]))).toBe('ERR_VFIO_INCOMPATIBLE')
    expect(bytesOf(target).every((byte) => byte === 0)).toBe(true)
  })

  it('is no state of a device', async () => {
    await forge(good)
    await using device = await openDevice('sim:v2,state=1MiB')
    await expect(loadFromFile(device, path)).rejects.toMatchObject({
      code: 'ERR_VFIO_INCOMPATIBLE',
      message: expect.stringContaining('memory'),
    })
  })
})

describe('a memory', () => {
  it('is of whole pages that do not overlap', async () => {
    const buffer = await allocate(4)
    expect(() => dmaMemory([])).toThrow(RangeError)
    expect(() => dmaMemory([{ iova: 100n, buffer }])).toThrow(RangeError)
    expect(() => dmaMemory([{ iova: 0n, buffer, length: 100 }])).toThrow(RangeError)
    expect(() => dmaMemory([{ iova: 0n, buffer, offset: 100, length: PAGE }])).toThrow(RangeError)
    expect(() => dmaMemory([{ iova: 0n, buffer, offset: PAGE, length: 4 * PAGE }])).toThrow(RangeError)
    expect(() => dmaMemory([{ iova: 2n ** 64n - 4096n, buffer }])).toThrow(RangeError)
    const parts = [
      { iova: 0n, buffer },
      { iova: BigInt(3 * PAGE), buffer },
    ]
    expect(() => dmaMemory(parts)).toThrow(RangeError)
    expect(() => dmaMemory([{ iova: 2n ** 64n - BigInt(4 * PAGE), buffer }])).not.toThrow()
  })

  it('can be touched only where it is', async () => {
    const memory = dmaMemory([{ iova: BASE, buffer: await allocate(2) }])
    memory.touch(BASE + 5000n, 2)
    expect(() => memory.touch(BASE - 1n, 2)).toThrow(RangeError)
    expect(() => memory.touch(BASE + BigInt(2 * PAGE - 1), 2)).toThrow(RangeError)
  })

  it('moves once at a time, and again afterwards', async () => {
    const memory = dmaMemory([{ iova: BASE, buffer: await allocate(2) }])
    await withFile('w', async ({ fd }) => {
      await memory.begin({ fd, devices, signal: never })
      await expect(memory.begin({ fd, devices, signal: never })).rejects.toMatchObject({
        code: 'ERR_VFIO_BUSY',
      })
      await expect(memory.receive(fd, never)).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
      await memory.close()
    })
    await save(memory, memory.ranges)
    await load(memory)
    await expect(memory.finish()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
  })
})
