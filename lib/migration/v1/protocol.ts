// SPDX-License-Identifier: MIT
import type { Device } from '../../device/device.js'
import type { Region, RegionInfo } from '../../device/region.js'
import { beginning, channels, monotonicNs } from '../../diagnostics/channels.js'
import { throwIfAborted, VfioError } from '../../errors/index.js'
import type { LoadOptions } from '../load-session.js'
import type { MigrationCapabilities } from '../migration.js'
import { type LeadOptions, type LoadLane, NO_ESTIMATES, type Protocol, type SaveLane } from '../protocol.js'
import { actualState, deadEnd, isLost, noRoute, refusal } from '../refusal.js'
import type { SaveOptions } from '../save-session.js'
import type { MigrationState, TargetState } from '../state.js'
import { V1Registers } from './registers.js'
import { directRoute, portableRoute } from './routes.js'
import { reservedBitsOf, stateOf, type V1State, withState } from './state.js'

const MAX_CHUNK = 256 * 2 ** 20

/** v1: `device_state` and the data rounds of a migration region. */
export class V1Protocol implements Protocol {
  readonly name = 'v1'
  readonly roundsAreWhole = true
  readonly capabilities: MigrationCapabilities
  readonly #device: Device
  readonly #region: Region
  readonly #registers: V1Registers

  constructor(device: Device, region: Region) {
    this.#device = device
    this.#region = region
    this.#registers = new V1Registers(region, device.gate)
    this.capabilities = { preCopy: true, p2p: false, flags: 0n, dataSection: dataSectionOf(region.info) }
  }

  get device(): string {
    return this.#device.spec
  }

  async state(): Promise<MigrationState> {
    return stateOf(await this.#registers.readState())
  }

  async reservedBits(): Promise<number> {
    return reservedBitsOf(await this.#registers.readState())
  }

  async stopCopySize(): Promise<undefined> {
    // pending_bytes is an estimate in which only zero and non-zero have a meaning, and drivers stage data when it is read.
    return undefined
  }

  async lead(target: TargetState, options: LeadOptions = {}): Promise<MigrationState> {
    let raw = await this.#registers.readState()
    const from = stateOf(raw)
    options.onStart?.(from)
    if (from === target) return from
    const path = options.direct ? directRoute(from, target) : portableRoute(from, target)
    if (path === undefined) throw noRoute(this.device, from, target, whyNot(from, target))
    for (let at = 1; at < path.length; at++) {
      throwIfAborted(options.signal)
      const left = path[at - 1] as MigrationState
      const entered = path[at] as V1State
      const driver = this.#device.personality ?? this.#device.driver
      const began = beginning(channels.state)
      const told = (actual: MigrationState | 'unknown', cause?: unknown): void => {
        if (began === undefined) return
        this.#device.trace.state(began, { from: left, to: entered }, monotonicNs() - began, actual, cause)
      }
      const failed = (actual: MigrationState | 'unknown', cause?: unknown) => {
        const error = refusal(this.device, {
          from,
          to: target,
          path,
          failed: [left, entered],
          actual,
          cause,
          driver,
        })
        told(actual, cause ?? error)
        return error
      }
      const lost = (cause: unknown): unknown => {
        told('unknown', cause)
        return cause
      }
      try {
        await this.#registers.writeState(withState(raw, entered))
      } catch (cause) {
        if (isLost(cause)) throw lost(cause)
        throw failed(await actualState(this), cause)
      }
      // The write can succeed and the device still be elsewhere: its error state is only ever seen by reading.
      try {
        raw = await this.#registers.readState()
      } catch (cause) {
        if (isLost(cause)) throw lost(cause)
        throw failed('unknown', cause)
      }
      if (stateOf(raw) !== entered) throw failed(stateOf(raw))
      told(entered)
      options.onStep?.(entered)
    }
    return target
  }

  async preparePreCopy(): Promise<void> {}

  canSaveHere(): boolean {
    return true
  }

  canLoadHere(): boolean {
    return true
  }

  openSource(options: SaveOptions): SaveLane {
    const source = this.#device.v1Source(this.#region.index, {
      dataPath: options.dataPath ?? 'auto',
      maxChunk: options.maxChunk ?? MAX_CHUNK,
    })
    return {
      source,
      estimates: async () => ({
        ...NO_ESTIMATES,
        pendingBytes: await this.#registers.readPendingBytes(),
      }),
      close: () => source.close(),
    }
  }

  readonly session = undefined

  async adoptSession(): Promise<void> {
    throw new VfioError('ERR_VFIO_UNSUPPORTED', `${this.device} speaks v1, which has no sessions`, {
      device: this.device,
    })
  }

  openSink(options: LoadOptions): LoadLane {
    const sink = this.#device.v1Sink(this.#region.index, {
      dataPath: options.dataPath ?? 'auto',
      maxChunk: options.maxChunk ?? MAX_CHUNK,
    })
    return { sink, close: () => sink.close() }
  }

  async acknowledge(): Promise<void> {
    await this.#registers.readPendingBytes()
  }

  reset(): Promise<void> {
    return this.#device.reset()
  }
}

function whyNot(from: MigrationState, to: MigrationState): string {
  const dead = deadEnd(from)
  if (dead !== undefined) return dead
  if (from === 'stop' && to === 'stop-copy') {
    return 'not every driver takes 000 -> 010, and the way around lets the device run; ask for it with `direct`'
  }
  if (from === 'resuming')
    return 'a v1 device leaves resuming for running only; ask for another arc with `direct`'
  return `v1 has no ${to}`
}

/** How much of the region behind its registers can be mapped. Areas are sorted and do not overlap. */
export function dataSectionOf(
  info: Pick<RegionInfo, 'size' | 'mappable'>,
): 'trapped' | 'mapped' | 'partly-mapped' {
  const [first] = info.mappable
  if (first === undefined) return 'trapped'
  let end = first.offset
  for (const area of info.mappable) {
    if (area.offset > end) return 'partly-mapped'
    end = area.offset + area.size
  }
  return end >= info.size ? 'mapped' : 'partly-mapped'
}
