// SPDX-License-Identifier: MIT
// Devices served by, and to, other processes.
import type { NativeFailure, Outcome } from './failure.js'

/** See lib/vfio-user for their meaning. */
export interface NativeServeOptions {
  readonly passThrough: boolean
  readonly allowedUsers: readonly number[]
  readonly anyDirectory: boolean
  readonly once: boolean
  readonly twinSocket: boolean
  readonly strict: boolean
  readonly maxMessageDescriptors: number
  /** Bytes. */
  readonly maxTransfer: number
  readonly maxDmaMaps: number
}

export interface NativeServerEvent {
  readonly kind: 'refused' | 'failed' | 'connected' | 'disconnected'
  readonly pid: number
  readonly uid: number
  /** Why, for a person; empty for a client that simply closed. */
  readonly detail: string
  readonly twinSocket: boolean
  readonly messages: number
  /** 1, 2, or 0 for a device without migration. Of `disconnected`, as what follows. */
  readonly protocol: number
  /** The device's state as the client left it: of v2, or v1's device_state. */
  readonly found: number
  /** And afterwards. */
  readonly left: number
  readonly reset: boolean
  /** What was to be done about the device, and failed. */
  readonly trouble: NativeFailure | null
}

/** A device served over vfio-user. */
export interface NativeServer {
  /** Waits for the next piece of news; null once the server has ended. One call at a time. */
  next(): Promise<Outcome<NativeServerEvent | null>>
  /** At once: no more clients, and the one there is is let go. */
  stop(): void
  /** Stops, and settles when that is done. Idempotent. */
  close(): Promise<null>
}

/** Milliseconds. */
export interface NativeVfioUserOptions {
  readonly connectTimeout: number
  readonly requestTimeout: number
  readonly stateTimeout: number
  readonly twinSocket: boolean
}
