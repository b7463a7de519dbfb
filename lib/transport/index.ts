// SPDX-License-Identifier: MIT
export { formatAddress, parseAddress, type TransportAddress } from './address.js'
export { connect } from './connect.js'
export type {
  BulkChannel,
  Connection,
  ConnectionPeer,
  PeerCertificate,
  WaitOptions,
} from './connection.js'
export { listen } from './listen.js'
export type { Listener } from './listener.js'
export { maxMessageBytes } from './message-frame.js'
export type { ConnectionOptions, ConnectOptions, ListenOptions } from './options.js'
export type { PemSource, TlsOptions } from './tls-identity.js'
