// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { openDevice } from '../../../lib/index.js'
import { findListenDescriptor, listenDescriptors } from '../../../lib/ownership/listen-fds.js'

const handed = { LISTEN_PID: '42', LISTEN_FDS: '3', LISTEN_FDNAMES: 'vfio-device:vfio-group:vfio-group' }

describe('descriptors that a parent handed over', () => {
  it('are numbered from 3 and named', () => {
    expect(listenDescriptors(handed, 42)).toEqual([
      { fd: 3, name: 'vfio-device' },
      { fd: 4, name: 'vfio-group' },
      { fd: 5, name: 'vfio-group' },
    ])
    expect(listenDescriptors({ LISTEN_PID: '42', LISTEN_FDS: '1' }, 42)).toEqual([{ fd: 3, name: 'unknown' }])
  })

  it('are found by name and by index', () => {
    expect(findListenDescriptor('vfio-device', handed, 42)).toBe(3)
    expect(findListenDescriptor('2', handed, 42)).toBe(5)
  })

  it('are not ours when they were meant for another process', () => {
    expect(listenDescriptors(handed, 43)).toEqual([])
    expect(listenDescriptors({ LISTEN_FDS: '1' }, 43)).toEqual([])
    expect(() => findListenDescriptor('0', handed, 43)).toThrow('LISTEN_PID is 42')
  })

  it.each([
    ['an unknown name', 'nobody', handed, '0 (vfio-device)'],
    ['an index too high', '3', handed, '0 (vfio-device)'],
    ['a name of two', 'vfio-group', handed, '2 of the descriptors'],
    ['anything, when nothing was handed over', '0', {}, 'LISTEN_FDS is not set'],
  ])('are not guessed: %s', (_, which, environment, why) => {
    const wanted = expect.objectContaining({
      code: 'ERR_VFIO_NOT_HANDED_OVER',
      message: expect.stringContaining(why),
    })
    expect(() => findListenDescriptor(which, environment, 42)).toThrow(wanted)
  })

  it.each([
    [{ ...handed, LISTEN_FDS: '2' }],
    [{ ...handed, LISTEN_FDS: '-1' }],
    [{ ...handed, LISTEN_FDS: '99999' }],
    [{ ...handed, LISTEN_FDS: 'three' }],
  ])('are refused when the variables contradict themselves: %j', (environment) => {
    expect(() => listenDescriptors(environment, 42)).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_MALFORMED' }),
    )
  })

  it('name the device in the error of an open', async () => {
    await expect(openDevice('listen:nobody')).rejects.toMatchObject({
      code: 'ERR_VFIO_NOT_HANDED_OVER',
      device: 'listen:nobody',
    })
  })
})
