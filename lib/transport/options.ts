// SPDX-License-Identifier: MIT
import type { VfioError } from '../errors/index.js'
import type { WaitOptions } from './connection.js'
import type { TlsOptions } from './tls-identity.js'

/** What holds for each connection, on either side. */
export interface ConnectionOptions {
  /** `tls:` addresses: who this side is, and whom it believes. */
  readonly tls?: TlsOptions
  /** `unix:` addresses: users that the other side may belong to, beside this process's own and root. */
  readonly allowUids?: readonly number[]
  /**
   * TCP and TLS: how long the peer may be out of reach before the connection counts as lost, in milliseconds; 0 leaves it to the kernel.
   * While a connection carries bulk data only silence counts: a peer that is alive may take any time to read. Default 20 000.
   */
  readonly linkTimeout?: number
  /** How long one message may take once it is on its way, in milliseconds. Default 30 000. */
  readonly messageTimeout?: number
}

/** `timeout` (default 30 000) and `signal` are for all of it: looking up the host, connecting, and the TLS handshake. */
export interface ConnectOptions extends ConnectionOptions, WaitOptions {}

export interface ListenOptions extends ConnectionOptions {
  /** Allows an address that means every interface of the machine, as `tls:0.0.0.0:7000` and `tls:[::]:7000` do. Default false. */
  readonly allInterfaces?: boolean
  /** How long a client may take to prove who it is, in milliseconds. Default 10 000. */
  readonly handshakeTimeout?: number
  /** How many clients may be in a handshake at a time; more wait in the kernel's queue. Default 16. */
  readonly maxHandshakes?: number
  /** Told of each client that was turned away, and why. */
  readonly onRefused?: (error: VfioError) => void
}
