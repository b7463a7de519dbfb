// SPDX-License-Identifier: MIT

/**
 * One chunk of a save. `data` is borrowed: a view of the mapped region (v1) or of the session's buffer (v2), detached (length 0) when the
 * next chunk is asked for or the session ends. In stop-copy a mapped chunk of at most 4 MiB is a copy already, made by the thread that
 * reads: the device stages the next ones while this one is used, which saves more time than the copy takes. To keep a chunk, copy it;
 * never hand it to something that keeps it, such as a socket: a `ChunkWriter` takes it over instead.
 */
export interface Chunk {
  readonly data: Uint8Array<ArrayBuffer>
  /** The state group it was read in. */
  readonly phase: 'pre-copy' | 'stop-copy'
}

/** What a pump moved. */
export interface Moved {
  /** In bytes of device data, framing excluded. */
  readonly bytes: number
  /** v1: rounds of the protocol, whose borders matter. v2: reads, whose borders do not. */
  readonly chunks: number
}
