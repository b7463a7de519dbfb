// SPDX-License-Identifier: MIT
// Two engines in this process, over a UNIX socket, each with a journal of its own: the test bed of what they do to devices.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type MigratableDevice,
  openDevice,
  type ReceiveOptions,
  type ReceiveReport,
  receive,
  type SendOptions,
  type SendReport,
  send,
} from '../../../lib/index.js'

export interface Bed extends AsyncDisposable {
  readonly folder: string
  readonly address: string
  readonly sourceJournal: string
  readonly destinationJournal: string
}

export async function bed(): Promise<Bed> {
  const folder = await mkdtemp(join(tmpdir(), 'vfm-engine-'))
  return {
    folder,
    address: `unix:${join(folder, 'socket')}`,
    sourceJournal: join(folder, 'source'),
    destinationJournal: join(folder, 'destination'),
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  }
}

/** Short enough for a test, long enough for a busy machine. */
export const quick = { heartbeat: 50, silence: 2000, repeat: 50, farewell: 500, connect: 2000 }

export interface Both {
  readonly sent: PromiseSettledResult<SendReport>
  readonly received: PromiseSettledResult<ReceiveReport>
}

/** Sends `sources` into `destinations`, and waits for both engines. */
export async function transfer(
  { address, sourceJournal, destinationJournal }: Bed,
  sources: readonly MigratableDevice[],
  destinations: readonly MigratableDevice[],
  options: {
    readonly send?: Partial<SendOptions>
    readonly receive?: Partial<ReceiveOptions>
  } = {},
): Promise<Both> {
  let listening: (address: string) => void = () => {}
  const ready = new Promise<string>((resolve) => {
    listening = resolve
  })
  const receiving = receive(destinations, {
    listen: address,
    journal: destinationJournal,
    times: quick,
    onListening: listening,
    ...options.receive,
  })
  const settled = Promise.allSettled([receiving])
  const to = await Promise.race([ready, receiving.then(() => address)])
  const sending = send(sources, { to, journal: sourceJournal, times: quick, ...options.send })
  const [[received], [sent]] = await Promise.all([settled, Promise.allSettled([sending])])
  return { sent, received }
}

/** Several devices, closed together. */
export async function open(...specs: readonly string[]): Promise<MigratableDevice[] & AsyncDisposable> {
  const devices = await Promise.all(specs.map((spec) => openDevice(spec)))
  return Object.assign(devices, {
    [Symbol.asyncDispose]: async () => {
      await Promise.all(devices.map((device) => device.close()))
    },
  })
}
