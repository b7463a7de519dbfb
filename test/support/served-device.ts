// SPDX-License-Identifier: MIT
// Devices behind a vfio-user server, in this process or in one of their own.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type MigratableDevice,
  type OpenOptions,
  openDevice,
  type ServeOptions,
  serve,
} from '../../lib/index.js'
import { type Running, start } from './command.js'

const endings: Promise<unknown>[] = []

/** Waits until every server of this file has ended, which each does with its only client. */
export async function allEnded(): Promise<void> {
  await Promise.all(endings.splice(0))
}

async function folder(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'vfio-user-'))
}

/** A device opened by `spec`, served by this process, and opened again through its socket. */
export async function servedHere(
  spec: string,
  serving: ServeOptions = {},
  opening: OpenOptions = {},
): Promise<MigratableDevice> {
  const home = await folder()
  const path = join(home, 's')
  const device = await openDevice(spec)
  const server = await serve(device, path, { once: true, ...serving })
  endings.push(
    server.closed.then(async () => {
      await device.close()
      await rm(home, { recursive: true, force: true })
    }),
  )
  return openDevice(`vfio-user:${path}`, opening)
}

/** The same with a server process of its own. */
export async function servedElsewhere(
  spec: string,
  opening: OpenOptions = {},
): Promise<{ device: MigratableDevice; server: Running }> {
  const home = await folder()
  const path = join(home, 's')
  const server = start(['serve', spec, '--socket', path, '--once', '--json'])
  endings.push(server.finished.then(() => rm(home, { recursive: true, force: true })))
  await server.says('"listening"')
  return { device: await openDevice(`vfio-user:${path}`, opening), server }
}
