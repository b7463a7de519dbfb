// SPDX-License-Identifier: MIT
// UNIX and TCP connections.
import type { Outcome } from './failure.js'
import type { NativePeer } from './ownership.js'

/** What an `AbortSignal` becomes for one call. It stays cancelled. */
export interface NativeCancellation {
  cancel(): void
  /** Frees its descriptor; a call in progress is not concerned. */
  close(): void
}

export interface NativeSocketAddress {
  /** A path, or an IP address in figures. */
  readonly host: string
  /** 0 for a UNIX socket. */
  readonly port: number
  /** For people. */
  readonly text: string
}

/** A connected stream socket. One send and one receive at a time; time-outs in milliseconds, -1 for none. */
export interface NativeStreamSocket {
  /** Borrowed; -1 once closed. */
  readonly descriptor: number
  /** Of a UNIX socket. */
  peer(): Outcome<NativePeer>
  peerAddress(): Outcome<NativeSocketAddress>
  /** 1 to `most` bytes (at most 1 MiB); null at the end of what the peer sends. A failure has taken nothing. */
  receive(
    most: number,
    timeout: number,
    cancellation: NativeCancellation | null,
  ): Promise<Outcome<ArrayBuffer | null>>
  /** All of it; `bytes` are copied before this returns. */
  send(bytes: Uint8Array, timeout: number, cancellation: NativeCancellation | null): Promise<Outcome<null>>
  /** The peer finds the end after what was sent. */
  endWriting(): Promise<Outcome<null>>
  /** Until what was sent is in the peer's kernel. */
  flush(timeout: number, cancellation: NativeCancellation | null): Promise<Outcome<null>>
  /** Both, in one hop. */
  finish(timeout: number, cancellation: NativeCancellation | null): Promise<Outcome<null>>
  /** How long a TCP peer may be unreachable; 0: the kernel's own. `patient`: by keepalive probes alone, for a peer that may take any time to read. */
  setLinkTimeout(milliseconds: number, patient: boolean): Outcome<null>
  /** Another descriptor of the same socket, the caller's to close. */
  duplicate(): Outcome<number>
  /** Calls in progress settle with `cancelled`; who reads or writes the descriptor finds the end, or EPIPE. */
  destroy(): void
  /** Closes the descriptor, after the calls in progress. */
  close(): Promise<null>
}

export interface NativeStreamListener {
  address(): Outcome<NativeSocketAddress>
  accept(timeout: number, cancellation: NativeCancellation | null): Promise<Outcome<NativeStreamSocket>>
  close(): Promise<null>
}
