// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { formatAddress, meansAllInterfaces, parseAddress } from '../../../lib/transport/address.js'

describe('the address of a connection', () => {
  it.each([
    ['unix:/run/engine/socket', { kind: 'unix', path: '/run/engine/socket' }],
    ['unix:relative path', { kind: 'unix', path: 'relative path' }],
    ['unix:/with:colon', { kind: 'unix', path: '/with:colon' }],
    ['tcp:127.0.0.1:7000', { kind: 'tcp', host: '127.0.0.1', port: 7000 }],
    ['tcp:host-b.example:0', { kind: 'tcp', host: 'host-b.example', port: 0 }],
    ['tls:b:65535', { kind: 'tls', host: 'b', port: 65535 }],
    ['tls:[::1]:7000', { kind: 'tls', host: '::1', port: 7000 }],
    ['tls:[fe80::1%eth0]:7000', { kind: 'tls', host: 'fe80::1%eth0', port: 7000 }],
  ])('%s is read, and written the same', (text, address) => {
    expect(parseAddress(text)).toEqual(address)
    expect(formatAddress(parseAddress(text))).toBe(text)
  })

  it.each([
    '',
    '/run/socket',
    'host:7000',
    'unix:',
    'unix:a\0b',
    `unix:/${'x'.repeat(107)}`,
    'udp:host:7000',
    'TCP:host:7000',
    'tcp:host',
    'tcp::7000',
    'tcp:host:',
    'tcp:host:65536',
    'tcp:host:-1',
    'tcp:host:7000x',
    'tcp:::1:7000',
    'tcp:[::1]',
    'tcp:[host]:7000',
    'tcp:[127.0.0.1]:7000',
    'tcp:a b:7000',
    'tcp:-b:7000',
    'tcp:127.1:7000',
    'tcp:999.0.0.1:7000',
    'tls:[::1]:7000:8000',
  ])('%j is refused', (text) => {
    expect(() => parseAddress(text)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_ADDRESS' }))
  })

  it.each(['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::0', '::ffff:0.0.0.0', '::%eth0'])(
    '%s means all interfaces',
    (ip) => {
      expect(meansAllInterfaces(ip)).toBe(true)
    },
  )

  it.each(['127.0.0.1', '::1', '0.0.0.1', '10.0.0.0', 'fe80::', '::ffff:10.0.0.1'])('%s does not', (ip) => {
    expect(meansAllInterfaces(ip)).toBe(false)
  })
})
