// SPDX-License-Identifier: MIT
import { lookup } from 'node:dns/promises'
import { isIP } from 'node:net'
import { binding } from '../binding.js'
import { VfioAbortError, VfioError } from '../errors/index.js'
import type { NativeStreamSocket } from '../native-binding.js'
import { formatAddress, refused, type TransportAddress } from './address.js'
import { boundedWait } from './bounded-wait.js'
import type { WaitOptions } from './connection.js'
import { callNative } from './native-call.js'

/** The addon's sign that a host is the path of a UNIX socket. */
export const unixPort = -1

/** Of the addresses that a name has, so many are tried. */
const MOST_ADDRESSES = 8

/** A connected socket, not yet known to lead to the right peer. `wait.timeout` is for all of it. */
export async function connectSocket(
  address: TransportAddress,
  wait: WaitOptions,
): Promise<NativeStreamSocket> {
  const peer = formatAddress(address)
  if (address.kind !== 'unix' && address.port === 0) throw refused(peer, 'port 0 is for listening')
  const end = wait.timeout === undefined ? undefined : performance.now() + wait.timeout
  const left = (): number | undefined =>
    end === undefined ? undefined : Math.max(0, end - performance.now())
  if (address.kind === 'unix') return await connectTo(address.path, unixPort, peer, wait)
  let failure: unknown
  for (const host of await resolveHost(address.host, peer, { timeout: left(), signal: wait.signal })) {
    try {
      return await connectTo(host, address.port, peer, { timeout: left(), signal: wait.signal })
    } catch (error) {
      failure = error
      if (error instanceof VfioAbortError || left() === 0) break
    }
  }
  throw failure
}

async function connectTo(
  host: string,
  port: number,
  peer: string,
  wait: WaitOptions,
): Promise<NativeStreamSocket> {
  try {
    return await callNative(peer, wait, (timeout, cancellation) =>
      binding().connectStream(host, port, timeout, cancellation),
    )
  } catch (error) {
    throw connectFailure(error, peer)
  }
}

function connectFailure(error: unknown, peer: string): unknown {
  if (!(error instanceof VfioError)) return error
  const cause = (error.cause ?? error) as { code?: unknown }
  switch (cause.code) {
    case 'EACCES':
    case 'EPERM':
      return new VfioError('ERR_VFIO_PERMISSION', `no permission to connect to ${peer}`, { cause })
    case 'EPROTOTYPE':
      return new VfioError('ERR_VFIO_PEER_LOST', `who listens at ${peer} takes another kind of connection`, {
        cause,
      })
    case 'ETIMEDOUT':
      return new VfioError('ERR_VFIO_PEER_TIMEOUT', `nobody answers at ${peer}`, { cause })
  }
  if (error.code !== 'ERR_VFIO_PEER_LOST') return error
  return new VfioError('ERR_VFIO_PEER_LOST', `nobody listens at ${peer}, or no way leads there`, { cause })
}

/** IP addresses in figures, in the order to try them. */
export async function resolveHost(host: string, peer: string, wait: WaitOptions): Promise<string[]> {
  if (isIP(host) !== 0) return [host]
  let found: { address: string }[]
  try {
    found = await boundedWait(
      lookup(host, { all: true, verbatim: true }),
      wait,
      `the host of ${peer} was not found in time`,
    )
  } catch (error) {
    if (error instanceof VfioError) throw error
    const { code } = error as NodeJS.ErrnoException
    throw new VfioError('ERR_VFIO_ADDRESS', `${peer}: the host ${host} has no address (${code})`, {
      cause: error,
    })
  }
  return found.slice(0, MOST_ADDRESSES).map(({ address }) => address)
}
