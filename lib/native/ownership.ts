// SPDX-License-Identifier: MIT
// Descriptors of other processes, and the sockets that carry them.
import type { Outcome } from './failure.js'

export interface NativeCompanion {
  readonly kind: 'group' | 'container' | 'iommufd'
  readonly descriptor: number
}

export type NativeDescriptorKind = 'device' | 'container' | 'group' | 'iommufd' | 'migration-data' | 'other'

/** The owner of a descriptor. */
export interface NativeDescriptor {
  /** -1 once closed. */
  readonly descriptor: number
  close(): Promise<null>
}

/** `struct ucred`. */
export interface NativePeer {
  readonly pid: number
  readonly uid: number
  readonly gid: number
}

export interface NativeMessage {
  readonly bytes: ArrayBuffer
  readonly descriptors: readonly NativeDescriptor[]
}

/** A connected UNIX socket of SOCK_SEQPACKET. One send and one receive at a time; time-outs in milliseconds, -1 for none. */
export interface NativeMessageSocket {
  peer(): Outcome<NativePeer>
  /** The descriptors are duplicated before this returns. */
  send(bytes: Uint8Array, descriptors: readonly number[], timeout: number): Promise<Outcome<null>>
  /** null: the peer has closed. */
  receive(timeout: number): Promise<Outcome<NativeMessage | null>>
  /** Calls in progress settle with `cancelled`. */
  close(): Promise<null>
}

export interface NativeMessageListener {
  accept(): Promise<Outcome<NativeMessageSocket>>
  close(): Promise<null>
}
