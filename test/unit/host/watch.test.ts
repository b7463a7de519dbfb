// SPDX-License-Identifier: MIT
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { watchDevices } from '../../../lib/host/index.js'
import { SysfsTree } from './sysfs-tree.js'

describe('watching devices', () => {
  let tree: SysfsTree
  beforeEach(() => {
    tree = new SysfsTree()
    tree.pci('0000:17:00.2', { driver: 'nvme', group: 41 })
    tree.driver('vfio-pci')
  })
  afterEach(() => tree.remove())
  const events = (interval: number, signal?: AbortSignal): ReturnType<typeof watchDevices> =>
    watchDevices({ roots: tree.roots, interval, ...(signal === undefined ? {} : { signal }) })

  // The first look is taken when the first event is asked for.
  const soon = (change: () => void): void => void setTimeout(change, 300)

  it('tells what comes, what changes and what goes, and not what was there', async () => {
    const watched = events(100)
    soon(() => tree.pci('0000:18:00.0', { driver: 'nvme', group: 42 }))
    expect((await watched.next()).value).toMatchObject({ type: 'added', device: { address: '0000:18:00.0' } })
    tree.drop('sys/devices/pci0000:00/0000:18:00.0/driver')
    tree.link('sys/devices/pci0000:00/0000:18:00.0/driver', 'sys/bus/pci/drivers/vfio-pci')
    expect((await watched.next()).value).toMatchObject({ type: 'changed', device: { driver: 'vfio-pci' } })
    tree.drop('sys/bus/pci/devices/0000:17:00.2')
    expect((await watched.next()).value).toMatchObject({ type: 'removed', device: { driver: 'nvme' } })
    await watched.return()
  })

  it('does not wait for the interval when a node appears', async () => {
    tree.file('dev/vfio/vfio')
    tree.file('dev/vfio/devices/.keep')
    const watched = events(3_600_000)
    soon(() => tree.pci('0000:18:00.0', { driver: 'vfio-pci', group: 42, vfio: 7 }))
    expect((await watched.next()).value).toMatchObject({
      type: 'added',
      device: { cdev: '/dev/vfio/devices/vfio7' },
    })
    await watched.return()
  })

  it('ends when the signal fires, at once', async () => {
    const controller = new AbortController()
    const watched = events(3_600_000, controller.signal)
    soon(() => controller.abort())
    await expect(watched.next()).rejects.toMatchObject({ name: 'AbortError' })
    expect((await watched.next()).done).toBe(true)
  })

  it.each([0, 99, 3_600_001, Number.NaN])('does not look every %d ms', async (interval) => {
    await expect(events(interval).next()).rejects.toThrow(RangeError)
  })
})
