// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { parseDeviceSpec } from '../../../lib/device/spec.js'
import { errorFrom } from '../../../lib/errors/index.js'
import { isLost } from '../../../lib/migration/refusal.js'
import { nativeVfioUserOptions } from '../../../lib/vfio-user/options.js'

describe('a vfio-user specification', () => {
  it.each([
    ['vfio-user:/run/nic.sock', '/run/nic.sock'],
    ['vfio-user:./a b:c', './a b:c'],
    ['vfio-user:vfio-user:x', 'vfio-user:x'],
  ])('%s is the socket %s', (spec, path) => {
    expect(parseDeviceSpec(spec)).toEqual({ kind: 'vfio-user', path })
  })

  it.each(['vfio-user:', 'vfio-user', 'VFIO-USER:/x', '/run/nic.sock'])('%s is none', (spec) => {
    expect(() => parseDeviceSpec(spec)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_DEVICE_SPEC' }))
  })
})

describe('vfio-user options', () => {
  it('have defaults', () => {
    expect(nativeVfioUserOptions()).toEqual({
      connectTimeout: 10_000,
      requestTimeout: 10_000,
      stateTimeout: 30_000,
      twinSocket: true,
    })
  })

  it('are taken one by one', () => {
    const options = nativeVfioUserOptions({ stateTimeout: 1, twinSocket: false })
    expect(options).toMatchObject({ requestTimeout: 10_000, stateTimeout: 1, twinSocket: false })
  })

  it.each([0, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY, 2 ** 31])('take no time-out of %s', (value) => {
    expect(() => nativeVfioUserOptions({ connectTimeout: value })).toThrow(RangeError)
  })
})

describe('a server that is lost', () => {
  it.each([
    ['disconnected', 'ERR_VFIO_PEER_LOST'],
    ['timed-out', 'ERR_VFIO_PEER_TIMEOUT'],
  ] as const)('%s becomes %s, and says nothing about a state change', (reason, code) => {
    const error = errorFrom(
      {
        failed: true,
        reason,
        errno: -104,
        syscall: '',
        operation: 'REGION_READ',
        detail: 'the peer has closed',
      },
      'vfio-user:/x',
    )
    expect(error).toMatchObject({ code, device: 'vfio-user:/x' })
    expect(error.message).toContain('REGION_READ')
    expect(isLost(error)).toBe(true)
  })
})
