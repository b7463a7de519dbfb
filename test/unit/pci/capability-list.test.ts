// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VfioError } from '../../../lib/index.js'
import { walkCapabilities, walkExtendedCapabilities } from '../../../lib/pci/capability-list.js'
import { FakeConfig } from './fake-config.js'

async function all<T>(walk: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = []
  for await (const one of walk) found.push(one)
  return found
}

const listed = [0x06, 2, 0x10] as const

describe('the list of capabilities', () => {
  it('is followed in its own order', async () => {
    const config = FakeConfig.of(256, listed, [0x34, 1, 0x80], [0x80, 2, 0x4011], [0x40, 2, 0x0001])
    expect(await all(walkCapabilities(config))).toEqual([
      { id: 0x11, name: 'msi-x', offset: 0x80 },
      { id: 0x01, name: 'power-management', offset: 0x40 },
    ])
  })

  it('is empty where the status register says that there is none', async () => {
    expect(await all(walkCapabilities(FakeConfig.of(256, [0x34, 1, 0x40], [0x40, 2, 0x05])))).toEqual([])
    expect(await all(walkCapabilities(FakeConfig.of(64, listed, [0x34, 1, 0x40])))).toEqual([])
  })

  it('masks the reserved bits of its pointers', async () => {
    const config = FakeConfig.of(256, listed, [0x34, 1, 0x43], [0x40, 2, 0x5201], [0x50, 2, 0x0005])
    expect((await all(walkCapabilities(config))).map(({ offset }) => offset)).toEqual([0x40, 0x50])
  })

  it.each([
    ['itself', [[0x40, 2, 0x4001]]],
    [
      'its start',
      [
        [0x40, 2, 0x5001],
        [0x50, 2, 0x4005],
      ],
    ],
    ['the header', [[0x40, 2, 0x1001]]],
    [
      'what does not answer',
      [
        [0x40, 2, 0x5001],
        [0x50, 2, 0xffff],
      ],
    ],
  ] as const)('that leads to %s is refused, after what came before', async (_what, words) => {
    const config = FakeConfig.of(256, listed, [0x34, 1, 0x40], ...words)
    const walk = walkCapabilities(config)
    expect((await walk.next()).value).toMatchObject({ id: 1 })
    await expect(all(walk)).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED', device: 'fake' })
  })
})

describe('the list of extended capabilities', () => {
  it('is followed in its own order, past what is hidden', async () => {
    const config = FakeConfig.of(4096, [0x100, 4, 0x20000000], [0x200, 4, 0x15010003], [0x150, 4, 0x00020001])
    expect(await all(walkExtendedCapabilities(config))).toEqual([
      { id: 3, name: 'device-serial-number', offset: 0x200, version: 1 },
      { id: 1, name: 'advanced-error-reporting', offset: 0x150, version: 2 },
    ])
  })

  it('is empty in 256 bytes, and where the bus does not reach it', async () => {
    expect(await all(walkExtendedCapabilities(FakeConfig.of(256)))).toEqual([])
    expect(await all(walkExtendedCapabilities(FakeConfig.of(4096)))).toEqual([])
    expect(await all(walkExtendedCapabilities(FakeConfig.of(4096, [0x100, 4, 0xffffffff])))).toEqual([])
  })

  it.each([
    ['itself', [[0x100, 4, 0x10010001]]],
    ['the first 256 bytes', [[0x100, 4, 0x04010001]]],
    [
      'what does not answer',
      [
        [0x100, 4, 0x20010001],
        [0x200, 4, 0xffffffff],
      ],
    ],
  ] as const)('that leads to %s is refused', async (_what, words) => {
    const walk = walkExtendedCapabilities(FakeConfig.of(4096, ...words))
    expect((await walk.next()).value).toMatchObject({ id: 1 })
    await expect(all(walk)).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
  })

  it('that leaves a short configuration space is refused', async () => {
    const walk = walkExtendedCapabilities(FakeConfig.of(1024, [0x100, 4, 0x80010001]))
    await expect(all(walk)).rejects.toMatchObject({ code: 'ERR_VFIO_MALFORMED' })
  })
})

// Sparse enough that chains form, dense enough that they go everywhere.
const spaces = fc
  .record({
    size: fc.constantFrom(0, 4, 64, 128, 256, 260, 1024, 4096),
    bytes: fc.array(fc.tuple(fc.nat(4095), fc.nat(255)), { maxLength: 200 }),
    chain: fc.array(fc.nat(0xff), { maxLength: 80 }),
    extended: fc.array(fc.nat(0xfff), { maxLength: 80 }),
  })
  .map(({ size, bytes, chain, extended }) => {
    const space = new Uint8Array(4096)
    const view = new DataView(space.buffer)
    view.setUint16(6, 0x10, true)
    let at = 0x34
    for (const next of chain) {
      space[at === 0x34 ? at : at + 1] = next
      at = Math.min(next & ~3, 0xfc)
    }
    at = 0x100
    for (const next of extended) {
      view.setUint32(Math.min(at & ~3, 4092), (next << 20) | 0x10001, true)
      at = next
    }
    for (const [offset, value] of bytes) space[offset] = value
    return space.subarray(0, size)
  })

describe('whatever a device says', () => {
  it.each([
    ['capabilities', walkCapabilities, 48],
    ['extended capabilities', walkExtendedCapabilities, 1024],
  ] as const)('the walk of its %s ends, inside configuration space', async (_name, walk, most) => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(spaces, fc.uint8Array({ minLength: 0, maxLength: 4096 })), async (bytes) => {
        const config = new FakeConfig(bytes)
        const offsets: number[] = []
        try {
          for await (const { offset } of walk(config)) offsets.push(offset)
        } catch (error) {
          // A read outside would be an Error of the fake's own.
          if (!(error instanceof VfioError)) throw error
          expect(error.code).toBe('ERR_VFIO_MALFORMED')
        }
        expect(new Set(offsets).size).toBe(offsets.length)
        expect(offsets.length).toBeLessThanOrEqual(most)
        expect(config.reads).toBeLessThanOrEqual(most + 2)
        for (const offset of offsets) expect(offset + 2).toBeLessThanOrEqual(config.size)
      }),
      { numRuns: 400 },
    )
  })
})
