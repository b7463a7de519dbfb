// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  decodeMessage,
  decodeProfile,
  type EngineMessage,
  encodeMessage,
  encodeProfile,
  engineVersion,
  maxMessageBytes,
  troubleOf,
} from '../../../lib/engine/messages.js'
import { VfioError } from '../../../lib/index.js'

const profile = {
  protocol: 'v1' as const,
  vendorId: 0x15b3,
  deviceId: undefined,
  bars: [4096n, 2n ** 63n, 0n, 0n, 0n, 0n],
  migrationRegionSize: 65_536n,
}
const key = 'k'.repeat(43)
const hello: EngineMessage = {
  type: 'hello',
  version: engineVersion,
  id: 'an-id',
  key,
  devices: [{ name: 'sim:v1', profile: encodeProfile(profile), preCopy: true, p2p: false }],
  memory: false,
  allowWithoutP2p: false,
}

describe('a message between engines', () => {
  it.each<EngineMessage>([
    hello,
    { type: 'resume', version: 1, id: 'an-id', key },
    { type: 'attach', version: 1, id: 'an-id', key, channel: 255 },
    { type: 'attach', version: 1, id: 'an-id', key, channel: 'memory' },
    { type: 'refused', code: 'ERR_VFIO_BUSY', message: 'busy' },
    { type: 'word', word: 'running', devices: [{ device: 'sim:v2', state: 'running' }], runMs: 1.5 },
    { type: 'initial', device: 0, bytes: 2 ** 40 },
    { type: 'alive' },
  ])('arrives as it was sent: $type', (message) => {
    expect(decodeMessage(encodeMessage(message))).toEqual(message)
  })

  it('carries what a device is without loss', () => {
    expect(decodeProfile(encodeProfile(profile))).toEqual(profile)
  })

  it.each<[string, unknown]>([
    ['an id that is a path', { ...hello, id: '../../etc/passwd' }],
    ['no devices', { ...hello, devices: [] }],
    ['too many devices', { ...hello, devices: Array.from({ length: 257 }, () => hello.devices[0]) }],
    ['a name with an escape sequence', { ...hello, devices: [{ ...hello.devices[0], name: '\u001b[2J' }] }],
    ['a key that is too short', { ...hello, key: 'short' }],
    ['a word that there is not', { type: 'word', word: 'maybe' }],
    ['a channel out of range', { type: 'attach', version: 1, id: 'x', key, channel: 256 }],
    ['bytes below nothing', { type: 'initial', device: 0, bytes: -1 }],
    ['another type', { type: 'exec', command: 'true' }],
    ['no object', 7],
  ])('with %s is refused', (_, value) => {
    expect(() => decodeMessage(Buffer.from(JSON.stringify(value)))).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_PROTOCOL' }),
    )
  })

  it('that is too long is refused before it is parsed', () => {
    expect(() => decodeMessage(Buffer.alloc(maxMessageBytes + 1, 0x20))).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_PROTOCOL' }),
    )
  })

  it('is understood or refused with a typed error, whatever the bytes', () => {
    const bytes = encodeMessage(hello)
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array({ maxLength: 200 }),
          fc.array(fc.tuple(fc.nat(bytes.length - 1), fc.nat(255)), { maxLength: 5 }).map((changes) => {
            const changed = Uint8Array.from(bytes)
            for (const [at, value] of changes) changed[at] = value
            return changed
          }),
        ),
        (input) => {
          try {
            decodeMessage(input)
          } catch (error) {
            expect(error).toBeInstanceOf(VfioError)
            expect(error).toMatchObject({ code: 'ERR_VFIO_PROTOCOL' })
          }
        },
      ),
      { numRuns: 3000 },
    )
  })
})

it('an error is told in what can be printed', () => {
  expect(troubleOf(new VfioError('ERR_VFIO_BUSY', 'x\u001b[2Jé', { device: 'sim:v2' }))).toEqual({
    code: 'ERR_VFIO_BUSY',
    message: 'x?[2J?',
    device: 'sim:v2',
  })
  expect(troubleOf('text')).toMatchObject({ code: 'ERR_VFIO_MIGRATION', message: 'text' })
})
