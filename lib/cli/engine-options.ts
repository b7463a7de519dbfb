// SPDX-License-Identifier: MIT
// What the commands that talk to another host have in common.
import { open } from 'node:fs/promises'
import type { Command } from 'commander'
import type { TlsOptions } from '../transport/index.js'
import { UsageError } from './usage-error.js'

export const addressArgument =
  'unix:PATH, tls:HOST:PORT, or tcp:HOST:PORT (neither encrypted nor authenticated; IPv6 in brackets)'

export interface EngineFlags {
  readonly journal?: string
  readonly tlsCa?: string
  readonly tlsCert?: string
  readonly tlsKey?: string
  readonly tlsName?: string
}

/** `--journal` and `--tls-*`. */
export function engineOptions(command: Command): Command {
  return command
    .option(
      '--journal <directory>',
      'where what must survive a crash is written; on a disk (default: below /var/lib or ~/.local/state)',
    )
    .option('--tls-ca <file>', 'PEM: the authorities whose certificates are believed, and no others')
    .option('--tls-cert <file>', "PEM: this side's certificate, with what leads from it to an authority")
    .option('--tls-key <file>', 'PEM: its private key (mode 600)')
    .option(
      '--tls-name <name>',
      "the name that the other side's certificate must have (default: the host of the address)",
    )
}

/** @throws {UsageError} some of them without the others */
export function tlsOf(flags: EngineFlags, address: string): { readonly tls?: TlsOptions } {
  const { tlsCa: ca, tlsCert: cert, tlsKey: key, tlsName: servername } = flags
  if (ca === undefined && cert === undefined && key === undefined) {
    if (address.startsWith('tls:')) throw new UsageError('tls needs --tls-ca, --tls-cert and --tls-key')
    return {}
  }
  if (ca === undefined || cert === undefined || key === undefined)
    throw new UsageError('--tls-ca, --tls-cert and --tls-key go together')
  return { tls: { ca, cert, key, ...(servername === undefined ? {} : { servername }) } }
}

export function journalOf({ journal }: EngineFlags): { readonly journal?: string } {
  return journal === undefined ? {} : { journal }
}

/** Those of one token a line. @throws {UsageError} the file can be read by others, or holds none */
export async function readTokens(path: string): Promise<readonly string[]> {
  const file = await open(path)
  try {
    const stats = await file.stat()
    if (!stats.isFile() || (stats.mode & 0o077) !== 0)
      throw new UsageError(`${path}: a token file is a regular file of mode 600`)
    const tokens = (await file.readFile('utf8'))
      .split('\n')
      .map((line) => line.trim())
      .filter((line) => line !== '')
    if (tokens.length === 0 || tokens.length > 64 || tokens.some((token) => token.length > 256))
      throw new UsageError(`${path} holds no token (openssl rand -base64 24 > FILE makes one)`)
    return tokens
  } finally {
    await file.close()
  }
}
