// SPDX-License-Identifier: MIT
import { errnoNumber, isFailure, unwrap, VfioError } from '../errors/index.js'
import type {
  NativeSimulatedEvent,
  NativeSimulatedFault,
  NativeSimulatedOptions,
  Outcome,
} from '../native-binding.js'
import type { SimulatedEvent, SimulatedFault, SimulatedOptions } from './options.js'

const EVERY_TIME = 0xffff_ffff

/** @throws {VfioError} `ERR_VFIO_DEVICE_SPEC` */
export function nativeFault(fault: SimulatedFault, spec: string): NativeSimulatedFault {
  const kind = fault.kind ?? 'errno'
  const errno = fault.errno === undefined ? undefined : errnoNumber(fault.errno)
  if (kind === 'errno' && errno === undefined) {
    const problem =
      fault.errno === undefined ? 'a fault without its errno' : `"${fault.errno}" is not the name of an errno`
    throw new VfioError('ERR_VFIO_DEVICE_SPEC', problem, { device: spec })
  }
  return {
    operation: fault.operation,
    argument: fault.argument ?? '',
    kind,
    errno: kind === 'errno' ? (errno ?? 0) : 0,
    bytes: fault.bytes === undefined ? null : BigInt(fault.bytes),
    nth: fault.nth ?? 1,
    count: fault.count ?? 1,
    outcome: fault.outcome ?? 'keep',
  }
}

function nativeEvent({ kind, at }: SimulatedEvent): NativeSimulatedEvent {
  if ('after' in at) return { kind, milliseconds: at.after, operation: 'info', argument: '', nth: 1 }
  return {
    kind,
    milliseconds: null,
    operation: at.operation,
    argument: at.argument ?? '',
    nth: at.nth ?? 1,
  }
}

export function nativeOptions(options: SimulatedOptions, spec: string): NativeSimulatedOptions {
  return {
    personality: options.personality ?? null,
    protocol: options.protocol,
    stateBytes: BigInt(options.state ?? 64 * 1024 * 1024),
    chunkBytes: BigInt(options.chunk ?? 1024 * 1024),
    seed: options.seed ?? null,
    dirtyRate: BigInt(options.dirtyRate ?? 0),
    dataSection: options.data ?? 'mapped',
    arcs: options.arcs ?? null,
    reservedBits: options.reservedBits ?? 0,
    preCopy: options.preCopy ?? null,
    p2p: options.p2p ?? null,
    drained: options.drained ?? null,
    roundsByInfo: options.roundsByInfo ?? null,
    saveTime: options.saveTime ?? null,
    events: (options.events ?? []).map(nativeEvent),
    shortRead: BigInt(options.shortRead ?? 0),
    shortWrite: BigInt(options.shortWrite ?? 0),
    faults: (options.faults ?? []).map((fault) => nativeFault(fault, spec)),
    delays: (options.delays ?? []).map((delay) => ({
      operation: delay.operation,
      argument: delay.argument ?? '',
      milliseconds: delay.milliseconds,
    })),
    lies: (options.lies ?? []).map((lie) => ({
      name: lie.name,
      value: lie.value,
      nth: lie.nth ?? 1,
      count: lie.count ?? EVERY_TIME,
    })),
  }
}

/** What the simulation answered. @throws {VfioError} `ERR_VFIO_DEVICE_SPEC` where it was asked for what cannot be */
export function unwrapSimulated<T>(outcome: Outcome<T>, spec: string): T {
  if (isFailure(outcome) && outcome.reason === 'invalid-argument') {
    throw new VfioError('ERR_VFIO_DEVICE_SPEC', `"${spec}": ${outcome.detail}`, { device: spec })
  }
  return unwrap(outcome, spec)
}
