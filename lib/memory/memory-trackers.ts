// SPDX-License-Identifier: MIT
import type { AddressSpace } from '../device/address-space.js'
import type { Device } from '../device/device.js'
import type { DirtyBitmap, DirtyRun } from '../device/dirty-bitmap.js'
import { type DirtyMechanism, type DirtyTracking, dirtyTrackingOf } from '../device/dirty-tracking.js'
import type { IovaRange } from '../device/iova.js'
import { logRanges } from '../device/log-ranges.js'
import { VfioError } from '../errors/index.js'
import { PAGE, partsWithin } from './memory-layout.js'

/** Who tracks the writes of which device. */
export interface DeviceTracking {
  readonly device: string
  readonly mechanism: DirtyMechanism
}

interface Tracker {
  readonly tracking: DirtyTracking
  /** Of everything but a device's own log. */
  readonly space: AddressSpace | undefined
  mapped: readonly IovaRange[]
}

/**
 * The dirty tracking of all devices that write one memory: the log of each that has one, and once each address space in which others are. Their
 * reports are united; one that fails counts every page as written.
 */
export class MemoryTrackers {
  readonly devices: readonly DeviceTracking[]
  readonly #trackers: readonly Tracker[]
  readonly #ranges: readonly DirtyRun[]

  private constructor(
    devices: readonly DeviceTracking[],
    trackers: readonly Tracker[],
    ranges: readonly DirtyRun[],
  ) {
    this.devices = devices
    this.#trackers = trackers
    this.#ranges = ranges
  }

  /** Finds out who tracks what; starts nothing. @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: nobody tracks what a device writes, and why */
  static async of(devices: readonly Device[], ranges: readonly DirtyRun[]): Promise<MemoryTrackers> {
    const found: DeviceTracking[] = []
    const trackers: Tracker[] = []
    for (const device of devices) {
      const tracking = await dirtyTrackingOf(device)
      found.push({ device: device.spec, mechanism: tracking.mechanism })
      const space = tracking.mechanism === 'device-log' ? undefined : await device.addressSpace()
      if (space !== undefined && trackers.some((other) => other.space === space)) continue
      trackers.push({ tracking, space, mapped: [] })
    }
    return new MemoryTrackers(found, trackers, ranges)
  }

  /** All of them, or none. @throws {VfioSystemError} a mechanism did not start */
  async start(): Promise<void> {
    try {
      for (const tracker of this.#trackers) await this.#start(tracker)
    } catch (error) {
      await this.stop()
      throw error
    }
  }

  async #start(tracker: Tracker): Promise<void> {
    const { tracking, space } = tracker
    if (space !== undefined) {
      await tracking.start()
      tracker.mapped = await space.mapped()
      return
    }
    const wanted = this.#ranges.map(({ iova, length }) => ({ first: iova, last: iova + length - 1n }))
    await tracking.start({ ranges: logRanges(wanted, PAGE) })
  }

  /** Adds what was written since the last time. @param into one for each range @returns why some of it is not known, and all counts as written instead */
  async report(into: readonly DirtyBitmap[]): Promise<Error | undefined> {
    for (const tracker of this.#trackers) {
      const cause = await this.#reportOne(tracker, into).catch((error: unknown) =>
        error instanceof Error ? error : new Error(String(error)),
      )
      if (cause === undefined) continue
      for (const bitmap of into) bitmap.markAll()
      return cause
    }
    return undefined
  }

  async #reportOne(tracker: Tracker, into: readonly DirtyBitmap[]): Promise<Error | undefined> {
    let cause = await this.#lookAgain(tracker)
    for (const stretch of this.#stretches(tracker)) {
      const report = await tracker.tracking.report(stretch)
      cause ??= report.cause
      for (const { range: bitmap } of partsWithin(stretch, into)) bitmap.merge(report.bitmap)
    }
    return cause
  }

  /** What is mapped may not change while it is tracked: the writes into what is gone went with it. */
  async #lookAgain(tracker: Tracker): Promise<Error | undefined> {
    if (tracker.space === undefined) return undefined
    const before = tracker.mapped
    tracker.mapped = await tracker.space.mapped()
    const same =
      before.length === tracker.mapped.length &&
      before.every(
        ({ first, last }, at) =>
          first === tracker.mapped[at]?.first && last === (tracker.mapped[at] as IovaRange).last,
      )
    if (same) return undefined
    return new VfioError('ERR_VFIO_MIGRATION', 'what is mapped for devices has changed while it was tracked')
  }

  /** What to ask for: a space takes whole mappings, a log whole pages of its own. */
  #stretches({ tracking, space, mapped }: Tracker): DirtyRun[] {
    if (space !== undefined) {
      return mapped
        .map(({ first, last }) => ({ iova: first, length: last - first + 1n }))
        .filter((stretch) => partsWithin(stretch, this.#ranges).next().done === false)
    }
    const page = tracking.pageSize ?? PAGE
    return this.#ranges.map(({ iova, length }) => {
      const first = iova - (iova % page)
      const end = iova + length + ((page - ((iova + length) % page)) % page)
      return { iova: first, length: end - first }
    })
  }

  /** Begins anew what failed. What was written meanwhile is not known. Never rejects: what did not start fails the next report. */
  async restart(): Promise<void> {
    for (const tracker of this.#trackers) {
      await tracker.tracking.stop().catch(() => {})
      await this.#start(tracker).catch(() => {})
    }
  }

  /** Ends all of it. Never rejects. @returns what could not be ended */
  async stop(): Promise<unknown[]> {
    const ended = await Promise.allSettled(this.#trackers.map(({ tracking }) => tracking.stop()))
    return ended.flatMap((one) => (one.status === 'rejected' ? [one.reason] : []))
  }
}
