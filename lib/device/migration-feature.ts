// SPDX-License-Identifier: MIT
import { beginning, channels } from '../diagnostics/channels.js'
import type { DeviceTrace } from '../diagnostics/device-trace.js'
import { unwrap, unwrapAdoption } from '../errors/index.js'
import type { NativeDevice } from '../native-binding.js'
import type { AccessGate } from './access-gate.js'
import type { Children } from './children.js'
import { DeviceSession } from './device-session.js'
import { featureId, featureName } from './features.js'

/** What the migration calls need of their device. */
export interface MigrationFeatureOwner {
  readonly spec: string
  readonly children: Children
  readonly gate: AccessGate
  readonly trace: DeviceTrace
  /** Throws once the device is closed. */
  native(): NativeDevice
}

/** The features of v2 migration, as the device has them. */
export class MigrationFeature {
  readonly #device: MigrationFeatureOwner

  constructor(device: MigrationFeatureOwner) {
    this.#device = device
  }

  async flags(): Promise<bigint> {
    const began = beginning(channels.feature)
    const flags = await this.#device.native().migrationFlags()
    if (began !== undefined) this.#told(began, flags, featureId.migration, 'get')
    return unwrap(flags, this.#device.spec)
  }

  async state(): Promise<number> {
    const { gate, spec } = this.#device
    const { epoch } = gate
    const began = beginning(channels.feature)
    const outcome = await this.#device.native().migrationState()
    if (began !== undefined) this.#told(began, outcome, featureId.migrationState, 'get')
    const state = unwrap(outcome, spec)
    gate.note(state, epoch)
    return state
  }

  async setState(state: number): Promise<DeviceSession | undefined> {
    const { gate, spec } = this.#device
    const { epoch } = gate
    gate.approach(state)
    const began = beginning(channels.feature)
    const outcome = await this.#device.native().setMigrationState(state)
    if (began !== undefined) this.#told(began, outcome, featureId.migrationState, 'set')
    const session = unwrap(outcome, spec)
    gate.note(state, epoch)
    if (session === null) return undefined
    return this.#device.children.add(new DeviceSession(this.#device.trace, session, this.#device.children))
  }

  async adoptSession(fd: number): Promise<DeviceSession> {
    const { spec, trace, children } = this.#device
    const session = unwrapAdoption(await this.#device.native().adoptSession(fd), spec)
    return children.add(new DeviceSession(trace, session, children))
  }

  async dataSize(): Promise<bigint> {
    const began = beginning(channels.feature)
    const size = await this.#device.native().migrationDataSize()
    if (began !== undefined) this.#told(began, size, featureId.migrationDataSize, 'get')
    return unwrap(size, this.#device.spec)
  }

  #told(began: bigint, outcome: unknown, id: number, access: 'get' | 'set'): void {
    this.#device.trace.feature(began, outcome, featureName(id), access)
  }
}
