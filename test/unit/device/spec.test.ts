// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { parseDeviceSpec } from '../../../lib/device/spec.js'

describe('a device specification', () => {
  it.each([
    ['fd:3', { kind: 'descriptor', fd: 3 }],
    ['listen:vfio-device', { kind: 'listen', which: 'vfio-device' }],
    ['listen:0', { kind: 'listen', which: '0' }],
    ['pid:4711/9', { kind: 'process', pid: 4711, fd: 9 }],
    ['held:/run/vfio/keeper', { kind: 'held', path: '/run/vfio/keeper', name: undefined }],
    ['held:keeper#0000:17:00.2', { kind: 'held', path: 'keeper', name: '0000:17:00.2' }],
    ['0000:17:00.2', { kind: 'kernel', name: '0000:17:00.2' }],
    ['sim:v2', { kind: 'simulated', spec: 'sim:v2' }],
  ])('%s is taken apart', (spec, parsed) => {
    expect(parseDeviceSpec(spec)).toEqual(parsed)
  })

  it.each([
    'fd:',
    'fd:-1',
    'listen:',
    'listen:two words',
    'pid:4711',
    'pid:0/3',
    'pid:4711/x',
    'held:',
    'held:#name',
    'held:a#b#c',
    'held:a#',
    'held:a#two words',
    '/dev/null',
  ])('%s is none', (spec) => {
    expect(() => parseDeviceSpec(spec)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_DEVICE_SPEC' }))
  })
})
