// SPDX-License-Identifier: MIT
import { openDevice } from '../../index.js'
import type { ClientEvent } from '../../vfio-user/client-event.js'
import { serve } from '../../vfio-user/serve.js'
import type { CommandContext, CommandReport } from '../command-run.js'
import type { ServeCommandOptions } from '../commands/serve.js'
import { exitCodes } from '../exit-codes.js'

export async function serveDevice(
  spec: string,
  options: ServeCommandOptions,
  { tell, signal }: CommandContext,
): Promise<number> {
  await using device = await openDevice(spec, { signal })
  let clients = 0
  await using server = await serve(device, options.socket, {
    signal,
    passThrough: options.passThrough ?? false,
    anyDirectory: options.anyDirectory ?? false,
    once: options.once ?? false,
    twinSocket: options.twinSocket ?? true,
    strict: options.strict ?? false,
    ...(options.allowUid === undefined ? {} : { allowUids: options.allowUid }),
    ...(options.maxTransfer === undefined ? {} : { maxTransfer: options.maxTransfer }),
    ...(options.maxDmaMaps === undefined ? {} : { maxDmaMaps: options.maxDmaMaps }),
    onClient: (event) => {
      if (event.kind === 'connected') clients += 1
      tell(eventReport(event))
    },
  })
  const { path } = server
  // A device without a descriptor is no real one: there is no DMA of it to hand on.
  const passThrough = device.descriptor !== undefined
  tell({
    json: { ok: true, event: 'listening', device: spec, socket: path, pid: process.pid, passThrough },
    text: `${spec} is served on ${path}${passThrough ? '; who connects gets its DMA' : ''}`,
  })
  await server.closed
  tell({ json: { ok: true, event: 'closed', clients }, text: `closed after ${clients} clients` })
  return exitCodes.ok
}

function eventReport(event: ClientEvent): CommandReport {
  const { pid, uid } = event.peer
  const who = `client (process ${pid}, user ${uid})`
  switch (event.kind) {
    case 'connected':
      return {
        json: { ok: true, event: 'connected', peer: event.peer, twinSocket: event.twinSocket },
        text: `${who} is connected`,
      }
    case 'disconnected': {
      const { found, state, reset, trouble } = event.device
      const why = event.detail === '' ? '' : `: ${event.detail}`
      const changed = reset ? `, reset from ${found}` : found === state ? '' : `, before ${found}`
      return {
        json: {
          ok: trouble === undefined,
          event: 'disconnected',
          peer: event.peer,
          detail: event.detail,
          messages: event.messages,
          device: { found, state, reset, ...(trouble === undefined ? {} : { trouble: trouble.toJSON() }) },
        },
        text:
          `${who} has gone${why}` +
          (state === undefined ? '' : `; the device is ${state}${changed}`) +
          (trouble === undefined ? '' : ` (${trouble.message})`),
      }
    }
    default:
      return {
        json: { ok: false, event: event.kind, peer: event.peer, detail: event.detail },
        text: `${who} was ${event.kind === 'refused' ? 'refused' : 'let go'}: ${event.detail}`,
      }
  }
}
