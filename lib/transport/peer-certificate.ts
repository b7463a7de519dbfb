// SPDX-License-Identifier: MIT
import type { PeerCertificate as NodeCertificate } from 'node:tls'
import { VfioError } from '../errors/index.js'
import type { PeerCertificate } from './connection.js'

/** What node:tls tells of a certificate. */
export type ShownCertificate = Pick<NodeCertificate, 'fingerprint256' | 'subjectaltname'> & {
  readonly subject: { readonly CN?: string | readonly string[] }
}

/**
 * The names that a certificate was issued for: its common names, then its DNS names. One with characters that no name has is left out.
 * @throws {VfioError} `ERR_VFIO_PEER_REFUSED`: its names cannot be told apart
 */
export function peerCertificate(shown: ShownCertificate): PeerCertificate {
  const common = shown.subject.CN ?? []
  const names = [...(typeof common === 'string' ? [common] : common), ...dnsNames(shown.subjectaltname ?? '')]
  return {
    names: [...new Set(names.filter((name) => /^[\x21-\x7e](?:[\x20-\x7e]{0,251}[\x21-\x7e])?$/.test(name)))],
    fingerprint256: shown.fingerprint256,
  }
}

/** Of `DNS:a, IP Address:1.2.3.4, DNS:"quoted, as JSON"`. */
function dnsNames(text: string): string[] {
  const names: string[] = []
  const entry = /([A-Za-z0-9 ]+):("(?:[^"\\]|\\.)*"|[^,"]*)(?:, |$)/y
  while (entry.lastIndex < text.length) {
    const [, kind, value] = entry.exec(text) ?? []
    if (kind === undefined || value === undefined) {
      throw new VfioError('ERR_VFIO_PEER_REFUSED', 'the names in the certificate of the peer cannot be read')
    }
    if (kind === 'DNS') names.push(value.startsWith('"') ? unquoted(value) : value)
  }
  return names
}

function unquoted(value: string): string {
  try {
    return String(JSON.parse(value))
  } catch {
    return '' // no name has it
  }
}
