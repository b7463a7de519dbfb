// SPDX-License-Identifier: MIT
import { errorFrom, type VfioError } from '../errors/index.js'
import type { MigrationState } from '../migration/state.js'
import { stateOf } from '../migration/v1/state.js'
import { stateOfNumber } from '../migration/v2/arcs.js'
import type { NativeServerEvent } from '../native-binding.js'

/** Who is at the other end, as the kernel says (`SO_PEERCRED`, at the time of its connect). */
export interface PeerIdentity {
  /** 0 for a process in another PID namespace. */
  readonly pid: number
  readonly uid: number
}

/** What became of the device when a client had gone. */
export interface DeviceLeft {
  /** The device's state as the client left it; `undefined` for a device without migration. */
  readonly found: MigrationState | undefined
  /** Its state now. */
  readonly state: MigrationState | undefined
  /** Whether it had to be reset: it was in the middle of a load, which only a reset leaves without committing to half a state. */
  readonly reset: boolean
  /** What should have been done about it and failed. */
  readonly trouble: VfioError | undefined
}

/** News of a server's clients. */
export type ClientEvent =
  /** Somebody whose user may not. */
  | { readonly kind: 'refused'; readonly peer: PeerIdentity; readonly detail: string }
  /** Somebody who never got through the negotiation. */
  | { readonly kind: 'failed'; readonly peer: PeerIdentity; readonly detail: string }
  | { readonly kind: 'connected'; readonly peer: PeerIdentity; readonly twinSocket: boolean }
  | {
      readonly kind: 'disconnected'
      readonly peer: PeerIdentity
      /** Why; empty when the client simply closed. */
      readonly detail: string
      /** How many it had sent. */
      readonly messages: number
      readonly device: DeviceLeft
    }

export function clientEvent(event: NativeServerEvent, device: string): ClientEvent {
  const peer = { pid: event.pid, uid: event.uid }
  switch (event.kind) {
    case 'connected':
      return { kind: 'connected', peer, twinSocket: event.twinSocket }
    case 'disconnected':
      return {
        kind: 'disconnected',
        peer,
        detail: event.detail,
        messages: event.messages,
        device: {
          found: stateName(event.protocol, event.found),
          state: stateName(event.protocol, event.left),
          reset: event.reset,
          trouble: event.trouble === null ? undefined : errorFrom(event.trouble, device),
        },
      }
    default:
      return { kind: event.kind, peer, detail: event.detail }
  }
}

function stateName(protocol: number, raw: number): MigrationState | undefined {
  if (protocol === 0) return undefined
  return protocol === 1 ? stateOf(raw) : stateOfNumber(raw)
}
