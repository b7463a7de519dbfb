// SPDX-License-Identifier: MIT
// Both ends of a connection, in one process, over each kind of plain address.
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect } from 'vitest'
import {
  type Connection,
  type ConnectOptions,
  connect,
  type Listener,
  type ListenOptions,
  listen,
  type TlsOptions,
} from '../../../lib/transport/index.js'

/** What {@link Ends} can be made over. */
export const kinds = ['unix', 'tcp', 'tls'] as const
export type Kind = (typeof kinds)[number]

const fixture = (name: string): Buffer => readFileSync(join(import.meta.dirname, '../../fixtures/tls', name))

/** Who a test's side of a TLS connection is: see test/fixtures/tls. */
export function tlsIdentity(name: string, authority = 'authority'): TlsOptions {
  return { ca: fixture(`${authority}.pem`), cert: fixture(`${name}.pem`), key: fixture(`${name}-key.pem`) }
}

/** Listens at 127.0.0.1, ::1 and localhost. */
export const hostA = tlsIdentity('host-a')
export const hostB = tlsIdentity('host-b')

/** A folder of the test's own, which only its owner can enter. */
export class TestFolder implements Disposable {
  readonly path = mkdtempSync(join(tmpdir(), 'vfio-transport-'))

  at(name: string): string {
    return join(this.path, name)
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true })
  }
}

export class Ends implements AsyncDisposable {
  readonly listener: Listener
  /** Who connected. */
  readonly client: Connection
  /** What was accepted. */
  readonly server: Connection
  readonly #folder: TestFolder

  private constructor(folder: TestFolder, listener: Listener, client: Connection, server: Connection) {
    this.#folder = folder
    this.listener = listener
    this.client = client
    this.server = server
  }

  static async over(
    kind: Kind,
    options: { connect?: ConnectOptions; listen?: ListenOptions } = {},
  ): Promise<Ends> {
    const folder = new TestFolder()
    const address = kind === 'unix' ? `unix:${folder.at('socket')}` : `${kind}:127.0.0.1:0`
    const listener = await listen(address, { tls: hostA, ...options.listen })
    const [server, client] = await Promise.all([
      listener.accept(),
      connect(listener.address, { tls: hostB, ...options.connect }),
    ])
    expect(server).toBeDefined()
    return new Ends(folder, listener, client, server as Connection)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.client.close()
    await this.server.close()
    await this.listener.close()
    this.#folder[Symbol.dispose]()
  }
}

export const textOf = (bytes: Uint8Array | undefined): string | undefined =>
  bytes && Buffer.from(bytes).toString()
