// SPDX-License-Identifier: MIT
import type { Device } from '../device/device.js'
import { VfioError } from '../errors/index.js'
import type { NativeSimulation } from '../native-binding.js'
import { nativeFault, unwrapSimulated } from './native-options.js'
import type {
  PersonalityName,
  SimulatedDelay,
  SimulatedEvent,
  SimulatedEventKind,
  SimulatedFault,
  SimulatedLie,
  SimulatedOperation,
  SimulatedOptions,
} from './options.js'

/** How often something that was asked for struck. */
export interface Fired<Rule> {
  readonly rule: Rule
  readonly times: number
}

/** How often an operation was called with an argument, whatever came of it. */
export interface OperationCount {
  readonly operation: SimulatedOperation
  /** As {@link SimulatedFault.argument} has it; `undefined` for operations without. */
  readonly argument: string | undefined
  readonly calls: number
}

/**
 * The other side of a simulated device: what was asked of it, and what went wrong on purpose. Can be asked at any time, also after the
 * device was closed. {@link simulationOf} gives it.
 */
export class Simulation {
  readonly #native: NativeSimulation
  readonly #options: SimulatedOptions
  readonly #spec: string
  readonly #faults: SimulatedFault[]

  /** @internal */
  constructor(native: NativeSimulation, options: SimulatedOptions, spec: string) {
    this.#native = native
    this.#options = options
    this.#spec = spec
    this.#faults = [...(options.faults ?? [])]
  }

  /** The driver it behaves like. */
  get personality(): PersonalityName | undefined {
    return this.#options.personality
  }

  /** Every fault of its options, then every injected one, in order. */
  firedFaults(): readonly Fired<SimulatedFault>[] {
    return fired(this.#faults, this.#native.strikes().faults)
  }

  firedDelays(): readonly Fired<SimulatedDelay>[] {
    return fired(this.#options.delays ?? [], this.#native.strikes().delays)
  }

  firedLies(): readonly Fired<SimulatedLie>[] {
    return fired(this.#options.lies ?? [], this.#native.strikes().lies)
  }

  firedEvents(): readonly Fired<SimulatedEvent>[] {
    return fired(this.#options.events ?? [], this.#native.strikes().events)
  }

  /**
   * Lets it happen now.
   * @returns whether it had an effect on the device in its present state
   * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC` for what cannot happen to such a device; `ERR_VFIO_CLOSED`
   */
  happen(kind: SimulatedEventKind): boolean {
    return unwrapSimulated(this.#native.happen(kind), this.#spec)
  }

  /**
   * What was called how often since the device was made: record a good run, then break each of its calls in turn. A write of v1's
   * `device_state` counts as `register-write` and as `set-state`; a v2 state change counts once a hop.
   */
  operations(): readonly OperationCount[] {
    return this.#native.operations().map(({ operation, argument, calls }) => ({
      operation: operation as SimulatedOperation,
      argument: argument === '' ? undefined : argument,
      calls,
    }))
  }

  /**
   * From now on this goes wrong as well. Calls before it do not count.
   * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC` for a fault that cannot be; `ERR_VFIO_CLOSED`
   */
  inject(fault: SimulatedFault): void {
    unwrapSimulated(this.#native.inject(nativeFault(fault, this.#spec)), this.#spec)
    this.#faults.push(fault)
  }
}

function fired<Rule>(rules: readonly Rule[], times: readonly number[]): readonly Fired<Rule>[] {
  return rules.map((rule, index) => ({ rule, times: times[index] ?? 0 }))
}

const simulations = new WeakMap<Device, Simulation>()

/** @internal */
export function registerSimulation(device: Device, simulation: Simulation): void {
  simulations.set(device, simulation)
}

/**
 * The other side of a simulated device that was opened in this process, by `openDevice` or {@link simulatedDevice}.
 * @throws {VfioError} `ERR_VFIO_UNSUPPORTED` for any other
 */
export function simulationOf(device: Device): Simulation {
  const simulation = simulations.get(device)
  if (simulation !== undefined) return simulation
  throw new VfioError('ERR_VFIO_UNSUPPORTED', `${device.spec} is not simulated in this process`, {
    device: device.spec,
  })
}

/** How often each fault of a simulated device struck: {@link Simulation.firedFaults}. */
export function firedFaults(device: Device): readonly Fired<SimulatedFault>[] {
  return simulationOf(device).firedFaults()
}
