// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VfioError } from '../../../lib/errors/index.js'
import { decodeManifest, encodeManifest, type Manifest } from '../../../lib/stream/index.js'
import { decodeSection } from '../../../lib/stream/section.js'

const manifest: Manifest = {
  devices: [
    {
      index: 0,
      protocol: 'v1',
      identity: {
        kind: 'mdev',
        name: '83b8f4f2-509f-382f-3c1e-e6bfe0fa1001',
        vendor: 0x1b36,
        device: 0x7666,
      },
      capabilities: { preCopy: true, p2p: false, dataSectionSize: '1052672' },
    },
  ],
  producer: 'vfio-migration 0.1.0',
}
const [device] = manifest.devices
const withDevice = (changed: object): object => ({ ...manifest, devices: [{ ...device, ...changed }] })

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

  it('needs no more than a protocol', () => {
    expect(decodeManifest(encode({ devices: [{ index: 0, protocol: 'v2' }] }))).toEqual({
      devices: [{ index: 0, protocol: 'v2' }],
    })
  })

  it('of an unknown protocol is refused as too new', () => {
    expect(code(() => decodeManifest(encode(withDevice({ protocol: 'v3' }))))).toBe('ERR_VFIO_STREAM_VERSION')
  })

  it.each([
    ['no devices', { ...manifest, devices: [] }],
    ['too many devices', { devices: Array.from({ length: 257 }, (_, index) => ({ index, protocol: 'v2' })) }],
    ['misnumbered devices', { devices: [{ index: 1, protocol: 'v2' }] }],
    ['an escape sequence in a name', withDevice({ identity: { name: '\u001b[2J' } })],
    ['an endless name', withDevice({ identity: { name: 'x'.repeat(1025) } })],
    ['a vendor beyond 16 bits', withDevice({ identity: { vendor: 0x10000 } })],
    ['a fractional vendor', withDevice({ identity: { vendor: 0.5 } })],
    ['a size of too many digits', withDevice({ capabilities: { dataSectionSize: '9'.repeat(21) } })],
    ['a negative size', withDevice({ capabilities: { dataSectionSize: '-1' } })],
    ['no protocol', withDevice({ protocol: undefined })],
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
    '{"kind":"device-state"}',
    '{"kind":7,"device":0}',
    '{"kind":"device-state","device":-1}',
  ])('of %j is malformed', (text) =>
    expect(code(() => decodeSection(Buffer.from(text)))).toBe('ERR_VFIO_MALFORMED'),
  )

  it('of a kind from later releases is passed over only where its writer allows it', () => {
    const unknown = { kind: 'firmware-log', device: 0 }
    expect(code(() => decodeSection(encode(unknown)))).toBe('ERR_VFIO_STREAM_VERSION')
    expect(decodeSection(encode({ ...unknown, optional: true }))).toEqual({ ...unknown, optional: true })
  })
})
