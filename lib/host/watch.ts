// SPDX-License-Identifier: MIT
import { type FSWatcher, watch } from 'node:fs'
import { join } from 'node:path'
import { throwIfAborted } from '../errors/index.js'
import { type HostDevice, listDevices } from './list.js'
import { type HostRoots, Sysfs } from './sysfs.js'

export interface WatchOptions {
  /** Ends the iteration with the signal's reason as the cause of an `AbortError`. Leaving the loop ends it, too. */
  readonly signal?: AbortSignal
  /**
   * How often sysfs is read where no event comes, in milliseconds: 100 to 3600000. Default 2000. It bounds how late an arrival without a
   * VFIO node (a virtual function without a driver, say) is seen.
   */
  readonly interval?: number
  readonly roots?: HostRoots
}

/** A device came, went, or came to be something else: another driver, group or node. */
export interface DeviceEvent {
  readonly type: 'added' | 'removed' | 'changed'
  /** As it is now; for `removed`, as it was last seen. */
  readonly device: HostDevice
}

/**
 * Devices of this host as they come and go, from the call on: what `listDevices` would list differently than before. A device that comes
 * and goes between two looks is not seen; nothing is queued, so a consumer may take its time.
 *
 * The kernel's own announcements (uevents) arrive over a netlink socket, which Node cannot open, and sysfs sends no file events. `/dev/vfio`
 * and `/dev/vfio/devices` do: devtmpfs makes and removes a node there whenever a device is bound to VFIO or taken from it. Those cause a
 * look at once; the interval finds the rest.
 * @throws {VfioAbortError} `signal` fired
 * @throws {RangeError} `interval` is out of range
 */
export async function* watchDevices(
  options: WatchOptions = {},
): AsyncGenerator<DeviceEvent, void, undefined> {
  const { signal, interval = 2000, roots = {} } = options
  if (!(interval >= 100 && interval <= 3_600_000)) {
    throw new RangeError(`interval must be 100 to 3600000 milliseconds, not ${interval}`)
  }
  using alarm = new Alarm(new Sysfs(roots).dev)
  let known = await snapshot(roots)
  for (;;) {
    await alarm.wait(interval, signal)
    throwIfAborted(signal)
    const now = await snapshot(roots)
    const before = known
    known = now
    for (const [name, { device }] of before) if (!now.has(name)) yield { type: 'removed', device }
    for (const [name, { device, print }] of now) {
      const seen = before.get(name)
      if (seen?.print !== print) yield { type: seen === undefined ? 'added' : 'changed', device }
    }
  }
}

interface Seen {
  readonly device: HostDevice
  /** What makes a change of it worth telling. */
  readonly print: string
}

async function snapshot(roots: HostRoots): Promise<Map<string, Seen>> {
  const devices = await listDevices(roots)
  return new Map(
    devices.map((device) => {
      const { kind, address, driver, vfio, group, cdev, pci } = device
      const print = JSON.stringify([
        driver,
        vfio,
        group?.id,
        group?.node,
        group?.blockers,
        cdev,
        pci?.sriov?.enabled,
      ])
      return [`${kind} ${address}`, { device, print }]
    }),
  )
}

// Rings when a node appears or disappears, or when the time is up.
class Alarm implements Disposable {
  readonly #folders: readonly string[]
  readonly #watchers = new Map<string, FSWatcher>()
  #rung = false
  #wake: (() => void) | undefined

  constructor(dev: string) {
    this.#folders = [join(dev, 'vfio'), join(dev, 'vfio/devices')]
    this.#watch()
  }

  async wait(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
    // The folders come and go with the modules.
    this.#watch()
    if (!this.#rung && !signal?.aborted) {
      await new Promise<void>((resolve) => {
        const timer = setTimeout(() => this.#wake?.(), milliseconds)
        this.#wake = () => {
          clearTimeout(timer)
          signal?.removeEventListener('abort', this.#ring)
          this.#wake = undefined
          resolve()
        }
        signal?.addEventListener('abort', this.#ring, { once: true })
      })
    }
    this.#rung = false
  }

  readonly #ring = (): void => {
    this.#rung = true
    this.#wake?.()
  }

  #watch(): void {
    for (const folder of this.#folders) {
      if (this.#watchers.has(folder)) continue
      try {
        const watcher = watch(folder, { persistent: false }, this.#ring)
        const drop = (): void => {
          watcher.close()
          this.#watchers.delete(folder)
        }
        watcher.on('error', drop)
        // A folder that is removed tells of itself last, under its own name; the next wait looks for its successor.
        watcher.on('change', (type, name) => {
          if (type === 'rename' && name === folder.split('/').at(-1)) drop()
        })
        this.#watchers.set(folder, watcher)
      } catch {
        // Not there yet, or no watch to be had: the interval does.
      }
    }
  }

  [Symbol.dispose](): void {
    for (const watcher of this.#watchers.values()) watcher.close()
    this.#watchers.clear()
    this.#wake?.()
  }
}
