// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VfioError } from '../../../lib/errors/index.js'
import { decodeManifest, encodeManifest, type Manifest } from '../../../lib/stream/index.js'
import { decodeSection } from '../../../lib/stream/section.js'

const manifest: Manifest = {
  format: 1,
  producer: 'vfio-migration 0.1.0',
  protocol: 'v1',
  devices: [
    {
      kind: 'mdev',
      name: '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001',
      driver: null,
      vendorId: 0x1b36,
      deviceId: 0x7666,
      migrationRegionSize: '0x101000',
      capabilities: { preCopy: true, p2p: false, flags: '0x0', dataSection: 'mapped' },
    },
  ],
}

const encode = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))
const code = (operation: () => unknown): unknown => {
  try {
    operation()
  } catch (error) {
    return (error as VfioError).code
  }
  return 'no error'
}

describe('a manifest', () => {
  it('is read as it was written', () => {
    expect(decodeManifest(encodeManifest(manifest))).toEqual(manifest)
  })

  it('may carry properties of later releases, which are dropped', () => {
    expect(decodeManifest(encode({ ...manifest, colour: 'red' }))).toEqual(manifest)
  })

  it.each([
    ['a later layout', { ...manifest, format: 2, devices: 'elsewhere' }],
    ['an unknown protocol', { ...manifest, protocol: 'v3' }],
  ])('of %s is refused as too new', (_, value) => {
    expect(code(() => decodeManifest(encode(value)))).toBe('ERR_VFIO_STREAM_VERSION')
  })

  const device = manifest.devices[0]
  it.each([
    ['no devices', { ...manifest, devices: [] }],
    ['too many devices', { ...manifest, devices: Array(257).fill(device) }],
    ['an escape sequence in a name', { ...manifest, devices: [{ ...device, name: '\u001b[2J' }] }],
    ['an endless name', { ...manifest, devices: [{ ...device, name: 'x'.repeat(1025) }] }],
    ['a vendor beyond 16 bits', { ...manifest, devices: [{ ...device, vendorId: 0x10000 }] }],
    ['a fractional vendor', { ...manifest, devices: [{ ...device, vendorId: 0.5 }] }],
    [
      'a size beyond 64 bits',
      { ...manifest, devices: [{ ...device, migrationRegionSize: '0x10000000000000000' }] },
    ],
    ['a negative size', { ...manifest, devices: [{ ...device, migrationRegionSize: '-0x1' }] }],
    ['no protocol', { ...manifest, protocol: undefined }],
    ['an array', [manifest]],
    ['null', null],
  ])('with %s is malformed', (_, value) => {
    expect(code(() => decodeManifest(encode(value)))).toBe('ERR_VFIO_MALFORMED')
  })

  it('that is too long is not even parsed', () => {
    const padded = Buffer.concat([Buffer.alloc(64 * 1024, ' '), encode(manifest)])
    expect(code(() => decodeManifest(padded))).toBe('ERR_VFIO_MALFORMED')
  })

  it('that breaks the rules is not written either', () => {
    expect(code(() => encodeManifest({ ...manifest, producer: 'new\nline' }))).toBe('ERR_VFIO_MALFORMED')
  })

  it('of any bytes yields a manifest or a typed error that quotes none of them', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (bytes) => {
          try {
            decodeManifest(bytes)
          } catch (error) {
            expect(error).toBeInstanceOf(VfioError)
            expect((error as VfioError).message).toMatch(/^[\x20-\x7e]*$/)
          }
        },
      ),
    )
  })
})

describe('a section', () => {
  it.each([
    '',
    '{}',
    '{"type":"device-state"}',
    '{"type":"other","device":0}',
    '{"type":"device-state","device":-1}',
  ])('of %j is malformed', (text) =>
    expect(code(() => decodeSection(Buffer.from(text)))).toBe('ERR_VFIO_MALFORMED'),
  )
})
