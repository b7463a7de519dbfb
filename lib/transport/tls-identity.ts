// SPDX-License-Identifier: MIT
import { constants } from 'node:crypto'
import { type FileHandle, open } from 'node:fs/promises'
import { createSecureContext, type SecureContextOptions } from 'node:tls'
import { VfioError } from '../errors/index.js'

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

/** More than any chain of certificates has, in bytes. */
const LARGEST_PEM = 1024 * 1024

/**
 * What node:tls takes of `options`: TLS 1.3 alone, and no resumption, so that each connection shows its certificates anew.
 * @throws {VfioError} `ERR_VFIO_CREDENTIALS`
 */
export async function secureOptions(options: TlsOptions | undefined): Promise<SecureContextOptions> {
  if (options === undefined) {
    throw new VfioError(
      'ERR_VFIO_CREDENTIALS',
      'a TLS connection needs the authorities to believe, a certificate and its key (tls: { ca, cert, key })',
    )
  }
  const ca = await readPem(options.ca, 'the authorities', false)
  // An empty list would mean that those of the system are believed.
  if (!ca.includes('-----BEGIN CERTIFICATE-----')) {
    throw new VfioError('ERR_VFIO_CREDENTIALS', 'the PEM of the authorities holds no certificate')
  }
  const secure: SecureContextOptions = {
    ca,
    cert: await readPem(options.cert, 'the certificate', false),
    key: await readPem(options.key, 'the private key', true),
    minVersion: 'TLSv1.3',
    maxVersion: 'TLSv1.3',
    secureOptions: constants.SSL_OP_NO_TICKET,
  }
  try {
    createSecureContext(secure)
  } catch (cause) {
    throw new VfioError(
      'ERR_VFIO_CREDENTIALS',
      `the certificate and its key cannot be used: ${(cause as Error).message}`,
      { cause },
    )
  }
  return secure
}

async function readPem(source: PemSource, what: string, secret: boolean): Promise<Buffer> {
  if (typeof source !== 'string') return Buffer.from(source)
  const refuse = (why: string, cause?: unknown): VfioError =>
    new VfioError('ERR_VFIO_CREDENTIALS', `${source}, the file of ${what}, ${why}`, { cause })
  let file: FileHandle
  try {
    file = await open(source)
  } catch (error) {
    throw refuse(`cannot be opened (${(error as NodeJS.ErrnoException).code})`, error)
  }
  try {
    const found = await file.stat()
    if (!found.isFile()) throw refuse('is no regular file')
    if (found.size > LARGEST_PEM) throw refuse(`has more than ${LARGEST_PEM} bytes`)
    if (secret && (found.mode & 0o077) !== 0) {
      throw refuse(`is open to others than its owner: chmod 600 ${source}`)
    }
    return await file.readFile()
  } finally {
    await file.close()
  }
}
