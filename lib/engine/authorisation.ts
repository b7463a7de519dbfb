// SPDX-License-Identifier: MIT
import { createHash, timingSafeEqual } from 'node:crypto'
import { VfioError } from '../errors/index.js'
import type { ConnectionPeer } from '../transport/index.js'

/** One who may load: whoever proves, by TLS, to have a certificate of this name. */
export interface AllowRule {
  /** A name in the certificate: a DNS name among its alternative names, or its common name. Compared whole, ignoring case. */
  readonly certificate: string
  /** Into these devices only, as they were specified. Default: into all. */
  readonly devices?: readonly string[]
}

export interface AuthorisationOptions {
  readonly allow?: readonly AllowRule[]
  /** One-shot tokens, each at least 16 characters: whoever knows one may begin one migration. */
  readonly tokens?: readonly string[]
}

const MIN_TOKEN = 16

/** Who may load into the devices of a receiver. A valid certificate alone never suffices. */
export class Authorisation {
  readonly #rules: readonly AllowRule[]
  readonly #tokens: Set<string>
  readonly #wantsToken: boolean
  readonly #local: boolean

  /**
   * @param scheme of the address that is listened at
   * @throws {VfioError} `ERR_VFIO_UNAUTHORISED`: it was not said who may load
   */
  constructor(scheme: string, { allow = [], tokens = [] }: AuthorisationOptions) {
    this.#rules = allow
    this.#wantsToken = tokens.length > 0
    this.#tokens = new Set(tokens)
    // At a UNIX socket the connection itself tells the user, and strangers do not get this far.
    this.#local = scheme === 'unix'
    if (tokens.some((token) => token.length < MIN_TOKEN)) {
      throw new VfioError('ERR_VFIO_UNAUTHORISED', `a token has at least ${MIN_TOKEN} characters`)
    }
    if (allow.length > 0 && scheme !== 'tls') {
      throw new VfioError(
        'ERR_VFIO_UNAUTHORISED',
        `${scheme} connections have no certificates to allow by name: use tls, or a token`,
      )
    }
    if (!this.#local && allow.length === 0 && tokens.length === 0) {
      throw new VfioError(
        'ERR_VFIO_UNAUTHORISED',
        scheme === 'tls'
          ? 'say who may load: the name of a certificate (allow), or a one-shot token'
          : 'over plain TCP only a one-shot token can tell who may load: give one',
      )
    }
  }

  /** @throws {VfioError} `ERR_VFIO_UNAUTHORISED`, without saying what was missing: that is for the journal of this side */
  check(peer: ConnectionPeer, token: string | undefined, devices: readonly string[]): void {
    if (token !== undefined && this.#knows(token)) return
    const names = new Set((peer.certificate?.names ?? []).map((name) => name.toLowerCase()))
    const allowed = this.#rules.some(
      (rule) =>
        names.has(rule.certificate.toLowerCase()) &&
        (rule.devices === undefined || devices.every((device) => rule.devices?.includes(device))),
    )
    if (allowed || (this.#local && !this.#wantsToken)) return
    throw new VfioError('ERR_VFIO_UNAUTHORISED', 'this engine may not load into these devices')
  }

  /** The migration begins: a token it came with is used up. */
  use(token: string | undefined): void {
    if (token !== undefined) this.#tokens.delete(token)
  }

  // Every token is compared, and all of them in the same time.
  #knows(token: string): boolean {
    let known = false
    for (const one of this.#tokens) known = equal(one, token) || known
    return known
  }
}

/** Whether two secrets are the same, in a time that does not tell how far they agree. */
export function equal(a: string, b: string): boolean {
  const digest = (text: string): Buffer => createHash('sha256').update(text).digest()
  return timingSafeEqual(digest(a), digest(b))
}
