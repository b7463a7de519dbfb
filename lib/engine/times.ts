// SPDX-License-Identifier: MIT
import type { LinkTimes } from './control-link.js'

/** How patient an engine is. All in milliseconds. */
export interface EngineTimes {
  /** How often it shows that it lives. Default 1000. */
  readonly heartbeat?: number
  /** How long the other may show no sign of life before the connection counts as lost. Default 10 000. */
  readonly silence?: number
  /** How often what was not answered is said again, and a lost connection is made again. Default 1000. */
  readonly repeat?: number
  /** How long, after the outcome is decided, the other side is still told of it. Default 5000. */
  readonly farewell?: number
  /** How long connecting may take. Default 10 000. */
  readonly connect?: number
}

export type Times = Required<EngineTimes>

export function timesOf(times: EngineTimes = {}): Times {
  const all: Times = {
    heartbeat: 1000,
    silence: 10_000,
    repeat: 1000,
    farewell: 5000,
    connect: 10_000,
    ...Object.fromEntries(Object.entries(times).filter(([, value]) => value !== undefined)),
  }
  for (const [name, value] of Object.entries(all)) {
    if (!(value > 0 && value <= 2 ** 31 - 1))
      throw new RangeError(`${name} must be a number of milliseconds from 1 to ${2 ** 31 - 1}, not ${value}`)
  }
  return all
}

export function linkTimes({ heartbeat, silence }: Times): LinkTimes {
  return { heartbeat, silence }
}
