// SPDX-License-Identifier: MIT
import type { NativeVfioUserOptions } from '../native-binding.js'

/**
 * How a device is used that another process serves (`vfio-user:/path/to/socket`). Times in milliseconds, from 1 to 2147483647. When one
 * runs out the connection is given up, since nobody can tell what the server will still do: the request fails with
 * `ERR_VFIO_PEER_TIMEOUT`, what comes later with `ERR_VFIO_PEER_LOST`. The time of a request begins when the server has answered all
 * that was asked before it.
 */
export interface VfioUserOptions {
  /** For the server to accept the connection and answer the negotiation. Default 10 seconds. */
  readonly connectTimeout?: number | undefined
  /** For the answer to anything that changes no state. Default 10 seconds. */
  readonly requestTimeout?: number | undefined
  /** For a state change or a reset. Default 30 seconds. */
  readonly stateTimeout?: number | undefined
  /** Whether the server is offered a second socket for its accesses to our memory; not every server takes it. Default true. */
  readonly twinSocket?: boolean | undefined
}

const LONGEST = 0x7fff_ffff

/** With the defaults filled in. @throws {RangeError} a time is none */
export function nativeVfioUserOptions(options: VfioUserOptions = {}): NativeVfioUserOptions {
  return {
    connectTimeout: time('connectTimeout', options.connectTimeout ?? 10_000),
    requestTimeout: time('requestTimeout', options.requestTimeout ?? 10_000),
    stateTimeout: time('stateTimeout', options.stateTimeout ?? 30_000),
    twinSocket: options.twinSocket ?? true,
  }
}

function time(name: string, value: number): number {
  if (!Number.isInteger(value) || value < 1 || value > LONGEST) {
    throw new RangeError(`${name} is a whole number of milliseconds from 1 to ${LONGEST}, not ${value}`)
  }
  return value
}
