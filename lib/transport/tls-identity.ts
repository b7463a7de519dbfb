// SPDX-License-Identifier: MIT

/** PEM: its text in a Buffer, or the path of a file that has it. */
export type PemSource = string | Uint8Array

/** Who this side of a TLS connection is, and whom it believes. Both sides always show a certificate, and both check the other's. */
export interface TlsOptions {
  /** The authorities whose certificates are believed; none of the system's own are. */
  readonly ca: PemSource
  /** This side's certificate, with what leads from it to an authority. */
  readonly cert: PemSource
  /** Its private key, unencrypted. A file must be closed to everybody but its owner. */
  readonly key: PemSource
  /** Connecting: the name that the listener's certificate must have. Default: the host of the address. */
  readonly servername?: string
}
