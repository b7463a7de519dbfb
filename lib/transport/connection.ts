// SPDX-License-Identifier: MIT
// What the engine of a migration talks over. UNIX, TCP and TLS connections behave alike from here on.

/** A certificate that the peer has proven to own. */
export interface PeerCertificate {
  /** Common name and DNS names (subjectAltName), without duplicates, as the certificate has them. */
  readonly names: readonly string[]
  /** SHA-256 of the certificate: upper-case hexadecimal pairs, separated by colons. */
  readonly fingerprint256: string
}

/** Who is at the other end. */
export interface ConnectionPeer {
  /** For people and reports: `unix:PATH`, `tcp:HOST:PORT`, `tls:HOST:PORT`, of an accepted connection with its own port. */
  readonly address: string
  /** UNIX sockets: the process as it was when the connection was made (SO_PEERCRED). */
  readonly pid?: number
  readonly uid?: number
  /** TLS. */
  readonly certificate?: PeerCertificate
}

export interface WaitOptions {
  /** Milliseconds; none unless said. */
  readonly timeout?: number | undefined
  readonly signal?: AbortSignal | undefined
}

/**
 * Messages both ways, each whole and in order, up to {@link maxMessageBytes}; then, perhaps, bulk data one way. It does not keep the process
 * alive while nothing is awaited.
 */
export interface Connection extends AsyncDisposable {
  readonly peer: ConnectionPeer

  /**
   * Sends one message; several may be on their way, and arrive in the order of the calls. `message` may change once this has returned.
   * After a failure the connection is of no more use.
   * @throws {VfioError} `ERR_VFIO_PEER_LOST`; `ERR_VFIO_PEER_TIMEOUT`: the peer does not read; `ERR_VFIO_CLOSED`; `ERR_VFIO_MALFORMED`:
   *   empty, or larger than {@link maxMessageBytes}
   */
  send(message: Uint8Array, options?: WaitOptions): Promise<void>

  /**
   * The next message; `undefined` when the peer has closed in order. One call at a time. A time-out and a signal do no harm: what has
   * come of a message is kept for the next call.
   * @throws {VfioError} `ERR_VFIO_PEER_LOST`: also in the middle of a message; `ERR_VFIO_PEER_TIMEOUT`: nothing came in time, or a message
   *   that had begun came to a halt; `ERR_VFIO_MALFORMED`: it is empty or too large, and the connection is of no more use;
   *   `ERR_VFIO_BUSY`; `ERR_VFIO_CLOSED`
   */
  receive(options?: WaitOptions): Promise<Uint8Array | undefined>

  /**
   * After the last message: from the next byte on the connection carries bulk data, one way, and its two sides have to agree on when. The
   * connection is used up; what is closed is the channel.
   * @throws {VfioError} `ERR_VFIO_BUSY`: a {@link receive} is in progress; `ERR_VFIO_CLOSED`
   */
  bulk(direction: 'out' | 'in'): Promise<BulkChannel>

  /** In order: the peer receives what was sent, then finds the end. Calls in progress reject. Idempotent. */
  close(): Promise<void>
  /** At once: nothing has to be closed afterwards. */
  destroy(): void
}

/** Bulk data one way: the descriptor is for a native pump, or a `FrameWriter` or `FrameReader`. */
export interface BulkChannel extends AsyncDisposable {
  readonly direction: 'out' | 'in'
  /**
   * A stream socket, borrowed until {@link close}: whoever uses it must have let go by then.
   * @throws {VfioError} `ERR_VFIO_CLOSED`
   */
  readonly fd: number
  /**
   * `out`: nothing more is written; resolves when all of it has arrived in the peer's kernel (TLS: when the peer has taken all of it off the
   * wire). `in`: resolves when the end of the data is seen, and nothing was left unread.
   * @throws {VfioError} `ERR_VFIO_PEER_LOST`, `ERR_VFIO_PEER_TIMEOUT`; `ERR_VFIO_MALFORMED`: data is left (`in`)
   */
  finish(options?: WaitOptions): Promise<void>
  /** Idempotent. An unfinished channel may lose what was written last. */
  close(): Promise<void>
  /** Unblocks a pump that is in {@link fd}: it finds the end, or EPIPE. {@link finish} then rejects, with `reason` if given. */
  destroy(reason?: Error): void
}
