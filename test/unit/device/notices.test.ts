// SPDX-License-Identifier: MIT
import { once } from 'node:events'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it, vi } from 'vitest'
import { DeviceNotices, EventFd, type Interrupts, VfioError } from '../../../lib/index.js'

describe('notices', () => {
  const events: Record<'request' | 'error', EventFd> = { request: EventFd.open(), error: EventFd.open() }
  let gone = false
  const close = vi.fn(async () => {})
  const warnings = vi.spyOn(process, 'emitWarning').mockImplementation(() => {})
  const started: DeviceNotices[] = []

  const notices = async (
    requestGrace: number | false = 20,
    lacking: string[] = [],
  ): Promise<DeviceNotices> => {
    const made = new DeviceNotices({
      spec: 'a device',
      interrupts: async (kind) => {
        if (lacking.includes(kind)) throw new VfioError('ERR_VFIO_NO_SUCH_INTERRUPT', 'none')
        return { enable: async () => {}, vector: () => events[kind] } as unknown as Interrupts
      },
      isGone: async () => gone,
      close,
    })
    started.push(made)
    await made.start({ requestGrace })
    return made
  }
  afterEach(() => {
    for (const each of started.splice(0)) each.stop()
    for (const kind of ['request', 'error'] as const) {
      events[kind].close()
      events[kind] = EventFd.open()
    }
    gone = false
    close.mockClear()
    warnings.mockClear()
  })

  it('are events, with how often they were signalled', async () => {
    const device = await notices()
    const request = once(device, 'request')
    const error = once(device, 'device-error')
    events.request.signal(2)
    events.error.signal()
    expect(await request).toEqual([{ kind: 'request', device: 'a device', count: 2 }])
    expect(await error).toEqual([{ kind: 'device-error', device: 'a device', count: 1 }])
  })

  it('close the device after the grace when nobody listens, and warn at once', async () => {
    await notices(60)
    events.request.signal()
    await vi.waitFor(() => expect(warnings).toHaveBeenCalledOnce())
    expect(close).not.toHaveBeenCalled()
    events.request.signal() // the kernel asks again
    await vi.waitFor(() => expect(close).toHaveBeenCalledOnce())
    expect(warnings).toHaveBeenCalledOnce()
  })

  it('leave a device with a listener to him', async () => {
    const device = await notices(0)
    device.on('request', () => {})
    events.request.signal()
    await wait(60)
    expect(close).not.toHaveBeenCalled()
    expect(warnings).not.toHaveBeenCalled()
  })

  it('leave it to somebody who begins to listen within the grace', async () => {
    const device = await notices(80)
    events.request.signal()
    await vi.waitFor(() => expect(warnings).toHaveBeenCalledOnce())
    const told = once(device, 'request')
    expect(await told).toMatchObject([{ kind: 'request' }])
    expect(close).not.toHaveBeenCalled()
  })

  it('never close it where that was ruled out', async () => {
    await notices(false)
    events.request.signal()
    await wait(60)
    expect(close).not.toHaveBeenCalled()
  })

  it('tell a device that has left the bus, and close it at once', async () => {
    gone = true
    const device = await notices(10_000)
    const unplugged = once(device, 'unplugged')
    events.request.signal()
    expect(await unplugged).toMatchObject([{ kind: 'unplugged' }])
    events.request.signal()
    await vi.waitFor(() => expect(close).toHaveBeenCalledOnce())
  })

  it('warn of an error nobody listens to, and throw nothing', async () => {
    await notices()
    events.error.signal()
    await vi.waitFor(() => expect(warnings).toHaveBeenCalledOnce())
    expect(warnings.mock.calls[0]?.[0]).toContain('not corrected')
  })

  it('do without a notifier that the device lacks', async () => {
    const device = await notices(20, ['error'])
    const request = once(device, 'request')
    events.request.signal()
    await request
    expect(warnings).not.toHaveBeenCalled()
  })

  it('start once, whatever the grace', async () => {
    const device = await notices()
    await device.start({ requestGrace: false })
    expect(() => device.start({ requestGrace: -1 })).toThrow(RangeError)
  })
})
