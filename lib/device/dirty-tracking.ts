// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { AddressSpace } from './address-space.js'
import type { Device } from './device.js'
import { DirtyBitmap, type DirtyRun } from './dirty-bitmap.js'
import { featureId } from './features.js'
import { toBytes } from './iova.js'
import { type LogRange, logRanges } from './log-ranges.js'

/**
 * Who notes which memory a device writes.
 *
 * - `device-log`: the device itself (`VFIO_DEVICE_FEATURE_DMA_LOGGING_*`). Its own writes only, exactly.
 * - `iommufd`: the IOMMU, as dirty bits in its page tables. The writes of all devices in the address space, exactly.
 * - `type1`: the container. All that is mapped, as soon as a device behind an IOMMU is in it; exact for emulated devices alone.
 * - `table`: this process, for devices that live in one.
 */
export type DirtyMechanism = 'device-log' | 'iommufd' | 'type1' | 'table'

/** A mechanism, and what stands in its way for this device; `undefined`: nothing. */
export interface DirtyMechanismSupport {
  readonly mechanism: DirtyMechanism
  readonly lacks: string | undefined
}

export interface DirtyTrackingStart {
  /** What to watch, in whole pages. Only the device's log needs it. Default: all that is mapped at this moment. */
  readonly ranges?: readonly DirtyRun[]
  /** In bytes; the device's log may use another. Default: 4096 for the log, else the smallest that there is. */
  readonly pageSize?: number | bigint
}

/**
 * What was written since the last report. **A report that failed has every page marked**: whoever looks at nothing but the bitmap sends too
 * much, never too little.
 */
export interface DirtyReport {
  readonly bitmap: DirtyBitmap
  /** `false`: the mechanism failed, what was written is not known, and all of the bitmap is marked. */
  readonly complete: boolean
  /** Why not, when it is not complete. */
  readonly cause: Error | undefined
}

interface Tracker {
  /** The page size to report in. */
  start(options: DirtyTrackingStart): Promise<bigint>
  report(into: DirtyBitmap): Promise<unknown>
  stop(): Promise<void>
}

/** Dirty tracking of one device or address space, whichever way it is done. From {@link dirtyTrackingOf}. */
export class DirtyTracking implements AsyncDisposable {
  readonly mechanism: DirtyMechanism
  readonly #device: string
  readonly #tracker: Tracker
  #pageSize: bigint | undefined

  /** @internal */
  constructor(mechanism: DirtyMechanism, device: string, tracker: Tracker) {
    this.mechanism = mechanism
    this.#device = device
    this.#tracker = tracker
  }

  /** In bytes, what reports are in; `undefined` while tracking is off. */
  get pageSize(): bigint | undefined {
    return this.#pageSize
  }

  /**
   * Notes what is written from now on.
   * @throws {VfioError} `ERR_VFIO_BUSY`: it is on
   * @throws {VfioSystemError} the mechanism did not start: nothing is tracked
   */
  async start(options: DirtyTrackingStart = {}): Promise<void> {
    if (this.#pageSize !== undefined) {
      throw new VfioError('ERR_VFIO_BUSY', 'dirty tracking is on: stop it before it is started anew', {
        device: this.#device,
      })
    }
    this.#pageSize = await this.#tracker.start(options)
  }

  /**
   * What was written in a stretch since it was last reported, and forgets it. A mechanism that fails is no exception: see
   * {@link DirtyReport}.
   * @param range whole pages of {@link pageSize}
   * @throws {VfioError} `ERR_VFIO_NOT_TRACKING`: tracking is off
   */
  async report(range: DirtyRun): Promise<DirtyReport> {
    if (this.#pageSize === undefined) {
      throw new VfioError('ERR_VFIO_NOT_TRACKING', 'dirty tracking is off: start it first', {
        device: this.#device,
      })
    }
    const bitmap = DirtyBitmap.create(range.iova, range.length, this.#pageSize)
    try {
      await this.#tracker.report(bitmap)
      return { bitmap, complete: true, cause: undefined }
    } catch (error) {
      bitmap.markAll()
      return { bitmap, complete: false, cause: error instanceof Error ? error : new Error(String(error)) }
    }
  }

  /** Does nothing when it is off. After a failure it counts as off. */
  async stop(): Promise<void> {
    if (this.#pageSize === undefined) return
    this.#pageSize = undefined
    await this.#tracker.stop()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }
}

const PREFERENCE: readonly DirtyMechanism[] = ['device-log', 'iommufd', 'type1', 'table']

/** What a device and its address space offer, in the order of preference, with the reasons against the rest. Changes nothing. */
export async function dirtyMechanismsOf(device: Device): Promise<DirtyMechanismSupport[]> {
  const log = await device.probeFeature(featureId.dmaLoggingStart)
  const { space, lacks } = await spaceOf(device)
  const offered = space === undefined ? [] : (await space.info()).dirtyPageSizes
  const kinds = { table: 'table', type1: 'type1', ioas: 'iommufd' } as const
  const kind = space && kinds[space.native.kind]
  const why = (mechanism: DirtyMechanism): string | undefined => {
    if (mechanism === 'device-log') return log.set ? undefined : 'its driver keeps no log of its DMA'
    if (kind === undefined) return lacks
    if (kind !== mechanism) return `its address space is no such one, but ${kind}`
    if (offered.length > 0) return undefined
    return mechanism === 'iommufd'
      ? "its address space was made without dirty tracking (openDevice with needs: ['hwpt-dirty-tracking'])"
      : 'its address space has none'
  }
  return PREFERENCE.map((mechanism) => ({ mechanism, lacks: why(mechanism) }))
}

/**
 * Dirty tracking for a device: the first mechanism that it has, of those preferred, else of all (its own log, the IOMMU, the container).
 * Nothing is started.
 * @param options.prefer a mechanism, or several in order, and none but these
 * @throws {VfioError} `ERR_VFIO_UNSUPPORTED` with the reason against each
 */
export async function dirtyTrackingOf(
  device: Device,
  options: { readonly prefer?: DirtyMechanism | readonly DirtyMechanism[] } = {},
): Promise<DirtyTracking> {
  const wanted = options.prefer === undefined ? PREFERENCE : [options.prefer].flat()
  const support = await dirtyMechanismsOf(device)
  for (const mechanism of wanted) {
    if (support.some((one) => one.mechanism === mechanism && one.lacks === undefined)) {
      const { space } = await spaceOf(device)
      if (mechanism === 'device-log') return new DirtyTracking(mechanism, device.spec, ofLog(device, space))
      if (space) return new DirtyTracking(mechanism, device.spec, ofSpace(space))
    }
  }
  const reasons = wanted.map(
    (mechanism) => `${mechanism}: ${support.find((one) => one.mechanism === mechanism)?.lacks}`,
  )
  throw new VfioError(
    'ERR_VFIO_UNSUPPORTED',
    `${device.spec} has no dirty tracking (${reasons.join('; ')})`,
    { device: device.spec },
  )
}

async function spaceOf(
  device: Device,
): Promise<{ readonly space: AddressSpace | undefined; readonly lacks: string | undefined }> {
  try {
    return { space: await device.addressSpace(), lacks: undefined }
  } catch (error) {
    if (!(error instanceof VfioError) || error.code !== 'ERR_VFIO_UNSUPPORTED') throw error
    return { space: undefined, lacks: 'it has no address space in this process' }
  }
}

function ofLog(device: Device, space: AddressSpace | undefined): Tracker {
  return {
    start: async ({ ranges, pageSize = 4096 }) => {
      const wanted: readonly LogRange[] =
        ranges ?? logRanges((await space?.mapped()) ?? [], toBytes('pageSize', pageSize))
      if (wanted.length === 0) {
        throw new VfioError(
          'ERR_VFIO_UNSUPPORTED',
          `nothing is mapped that ${device.spec} could write: map first, or give the ranges`,
          { device: device.spec },
        )
      }
      return device.dmaLog.start(wanted, pageSize)
    },
    report: (into) => device.dmaLog.report(into),
    stop: () => device.dmaLog.stop(),
  }
}

function ofSpace(space: AddressSpace): Tracker {
  return {
    start: async ({ pageSize }) => {
      const { dirtyPageSizes } = await space.info()
      const page = pageSize === undefined ? dirtyPageSizes[0] : toBytes('pageSize', pageSize)
      if (page === undefined || !dirtyPageSizes.includes(page)) {
        throw new RangeError(`pageSize must be one of ${dirtyPageSizes.slice(0, 8).join(', ')}, not ${page}`)
      }
      await space.startDirtyTracking()
      return page
    },
    report: (into) => space.reportDirty(into),
    stop: () => space.stopDirtyTracking(),
  }
}
