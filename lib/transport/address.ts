// SPDX-License-Identifier: MIT
import { isIP, isIPv6 } from 'node:net'
import { VfioError } from '../errors/index.js'

/** Where an engine listens, or is connected to. `tcp` is neither encrypted nor authenticated, and is used only where it is named. */
export type TransportAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp' | 'tls'; readonly host: string; readonly port: number }

/** What sun_path takes, in bytes, without its NUL. */
const LONGEST_PATH = 107

/**
 * Reads `unix:PATH`, `tcp:HOST:PORT` or `tls:HOST:PORT`; an IPv6 address stands in brackets: `tls:[fe80::1%eth0]:7000`. Port 0 is for
 * listening: any free one.
 * @throws {VfioError} `ERR_VFIO_ADDRESS`
 */
export function parseAddress(text: string): TransportAddress {
  const colon = text.indexOf(':')
  const kind = text.slice(0, Math.max(colon, 0))
  const rest = text.slice(colon + 1)
  if (kind === 'unix') return { kind, path: checkedPath(rest, text) }
  if (kind === 'tcp' || kind === 'tls') return { kind, ...hostAndPort(rest, text) }
  throw refused(text, 'it is unix:PATH, tcp:HOST:PORT (neither encrypted nor authenticated) or tls:HOST:PORT')
}

/** The inverse of {@link parseAddress}. */
export function formatAddress(address: TransportAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`
  const host = address.host.includes(':') ? `[${address.host}]` : address.host
  return `${address.kind}:${host}:${address.port}`
}

/** Whether an IP address in figures means every interface of the machine. */
export function meansAllInterfaces(ip: string): boolean {
  // 0.0.0.0, :: in all its spellings, and the former mapped into the latter.
  return isIP(ip) !== 0 && /^[0.:]*$/.test(ip.replace(/%.*$/, '').replace(/^::ffff:/i, ''))
}

export function refused(text: string, why: string): VfioError {
  return new VfioError('ERR_VFIO_ADDRESS', `${JSON.stringify(text)} is no address to use: ${why}`)
}

function checkedPath(path: string, text: string): string {
  if (path === '' || path.includes('\0')) throw refused(text, 'a path must follow unix:')
  if (Buffer.byteLength(path) > LONGEST_PATH) {
    throw refused(text, `the path of a socket has ${LONGEST_PATH} bytes at most`)
  }
  return path
}

function hostAndPort(rest: string, text: string): { readonly host: string; readonly port: number } {
  const [, bracketed, plain, digits] = /^(?:\[([^\]]*)\]|([^[\]]*)):([0-9]{1,5})$/.exec(rest) ?? []
  const port = Number(digits)
  if (digits === undefined || port > 65535) throw refused(text, 'HOST:PORT, with a port of 0 to 65535')
  if (bracketed !== undefined) {
    if (!isIPv6(bracketed)) throw refused(text, 'what stands in brackets is an IPv6 address')
    return { host: bracketed, port }
  }
  const host = plain ?? ''
  if (host.includes(':')) throw refused(text, 'an IPv6 address stands in brackets, as in tls:[::1]:7000')
  // What DNS and /etc/hosts may name; a figure that is no IPv4 address would be looked up as one of inet_aton's shorthands.
  if (!/^[0-9A-Za-z_]([0-9A-Za-z_.-]{0,251}[0-9A-Za-z_.])?$/.test(host)) {
    throw refused(text, 'a host is a name or an IP address')
  }
  if (/^[0-9.]+$/.test(host) && isIP(host) === 0) throw refused(text, `${host} is no IPv4 address`)
  return { host, port }
}
