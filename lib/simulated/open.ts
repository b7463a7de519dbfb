// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { errnoNumber, unwrap, VfioError } from '../errors/index.js'
import type { NativeDevice, NativeSimulatedOptions } from '../native-binding.js'
import type { SimulatedOptions } from './options.js'

const EVERY_TIME = 0xffff_ffff

function nativeOptions(options: SimulatedOptions, spec: string): NativeSimulatedOptions {
  return {
    protocol: options.protocol,
    stateBytes: BigInt(options.state ?? 64 * 1024 * 1024),
    chunkBytes: BigInt(options.chunk ?? 1024 * 1024),
    seed: options.seed ?? null,
    dirtyRate: BigInt(options.dirtyRate ?? 0),
    dataSection: options.data ?? 'mapped',
    arcs: options.arcs ?? 'full',
    reservedBits: options.reservedBits ?? 0,
    preCopy: options.preCopy ?? true,
    p2p: options.p2p ?? true,
    drained: options.drained ?? 'enomsg',
    roundsByInfo: options.roundsByInfo ?? false,
    shortRead: BigInt(options.shortRead ?? 0),
    shortWrite: BigInt(options.shortWrite ?? 0),
    faults: (options.faults ?? []).map((fault) => {
      const errno = errnoNumber(fault.errno)
      if (errno === undefined) {
        throw new VfioError('ERR_VFIO_DEVICE_SPEC', `"${fault.errno}" is not the name of an errno`, {
          device: spec,
        })
      }
      return {
        operation: fault.operation,
        argument: fault.argument ?? '',
        errno,
        nth: fault.nth ?? 1,
        count: fault.count ?? 1,
        outcome: fault.outcome ?? 'keep',
      }
    }),
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

/**
 * Makes a simulated device. It lives in this process, and as long as its handle.
 * @throws {VfioError} `ERR_VFIO_DEVICE_SPEC` for options that no device can have
 */
export async function openSimulated(options: SimulatedOptions, spec: string): Promise<NativeDevice> {
  const outcome = await binding().openSimulated(nativeOptions(options, spec))
  if ('failed' in outcome && outcome.reason === 'invalid-argument') {
    throw new VfioError('ERR_VFIO_DEVICE_SPEC', `"${spec}": ${outcome.detail}`, { device: spec })
  }
  return unwrap(outcome, spec)
}
