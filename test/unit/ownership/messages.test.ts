// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { VfioError } from '../../../lib/errors/index.js'
import {
  decodeReply,
  decodeRequest,
  encodeReply,
  encodeRequest,
  maxDevices,
} from '../../../lib/ownership/messages.js'

const facts = { name: '0000:17:00.2', driver: 'mlx5-vfio-pci', protocol: 'v2', state: 'stop-copy' } as const
const bytes = (value: unknown): Uint8Array => Buffer.from(JSON.stringify(value))

describe('messages', () => {
  it('are read as they were written', () => {
    for (const request of [
      { type: 'list' },
      { type: 'borrow', name: 'vfio0', shared: true },
      { type: 'borrow' },
      { type: 'report', state: 'stop-copy', roles: ['session'] },
      { type: 'give', device: facts, roles: ['device', 'group', 'container', 'session'] },
      { type: 'forget' },
    ] as const) {
      const written = encodeRequest({
        ...request,
        ...('roles' in request ? { roles: [...request.roles] } : {}),
      } as Parameters<typeof encodeRequest>[0])
      expect(decodeRequest(written)).toEqual({ vfio: 1, ...request })
    }
    expect(decodeReply(encodeReply({ type: 'device', device: facts, roles: ['device'] }))).toMatchObject({
      device: facts,
    })
  })

  it('with as many devices as a keeper holds fit', () => {
    const devices = Array.from({ length: maxDevices }, (_, index) => ({
      name: `${index}`.padEnd(100, 'x'),
      driver: 'd'.repeat(64),
      protocol: 'v2' as const,
      state: 's'.repeat(32),
      leases: 1024,
      session: false,
    }))
    expect(encodeReply({ type: 'devices', devices }).length).toBeLessThan(32 * 1024)
  })

  it.each([
    ['another version', { vfio: 2, type: 'list' }],
    ['no version', { type: 'list' }],
    ['an unknown type', { vfio: 1, type: 'sing' }],
    ['a name with a blank', { vfio: 1, type: 'borrow', name: 'a b' }],
    ['a name with an escape', { vfio: 1, type: 'borrow', name: 'a\u001b[2J' }],
    ['a name that is too long', { vfio: 1, type: 'borrow', name: 'x'.repeat(101) }],
    ['a device without itself', { vfio: 1, type: 'give', device: facts, roles: ['group'] }],
    ['a role twice', { vfio: 1, type: 'give', device: facts, roles: ['device', 'device'] }],
    ['an unknown role', { vfio: 1, type: 'give', device: facts, roles: ['device', 'kernel'] }],
    ['no object', 7],
    ['nothing', null],
  ])('are refused: %s', (_, message) => {
    expect(() => decodeRequest(bytes(message))).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_MALFORMED' }),
    )
  })

  it('of hostile bytes are read or refused, and nothing else', () => {
    const good = encodeRequest({ type: 'give', device: facts, roles: ['device', 'group'] })
    const mutated = fc
      .array(
        fc.record({ at: fc.nat(good.length - 1), byte: fc.integer({ min: 0, max: 255 }), cut: fc.boolean() }),
        { minLength: 1, maxLength: 8 },
      )
      .map((changes) => {
        let message = Buffer.from(good)
        for (const { at, byte, cut } of changes) {
          if (cut) message = Buffer.concat([message.subarray(0, at), message.subarray(at + 1 + (byte % 16))])
          else if (at < message.length) message[at] = byte
        }
        return message
      })
    fc.assert(
      fc.property(
        fc.oneof(
          mutated,
          fc.uint8Array({ maxLength: 256 }),
          fc.json().map((text) => Buffer.from(text)),
        ),
        (message) => {
          for (const decode of [decodeRequest, decodeReply]) {
            try {
              decode(message)
            } catch (error) {
              expect(error).toBeInstanceOf(VfioError)
              expect((error as VfioError).code).toBe('ERR_VFIO_MALFORMED')
              expect((error as VfioError).message).toMatch(/^[\x20-\x7e]{1,400}$/)
            }
          }
        },
      ),
      { numRuns: 2000 },
    )
  })
})
