// SPDX-License-Identifier: MIT

import type { StreamReport } from '../migration/report.js'
import type { CommandReport } from './command-run.js'
import type { Ending } from './ending.js'
import { movedText, type Side, sideText } from './report.js'
import { styled } from './style.js'
import { facts } from './table.js'

export function loadReport(
  loaded: StreamReport,
  destination: Side & { readonly ending: Ending },
  file: { readonly path: string; readonly authenticated: boolean },
  ending: string,
): CommandReport {
  const { manifest, bytes, totalMs } = loaded
  const [saved] = manifest.devices
  return {
    json: {
      ok: true,
      protocol: saved?.protocol,
      bytes,
      totalMs: Math.round(totalMs * 1000) / 1000,
      destination,
      saved: { device: saved?.identity?.name, producer: manifest.producer },
      file: { ...file, bytes: loaded.streamBytes, frames: loaded.frames },
    },
    text: [
      styled('green', 'loaded'),
      facts([
        ['saved from', saved?.identity?.name],
        ['destination', sideText(destination)],
        ['digest', destination.digest],
        ['protocol', saved?.protocol],
        ['moved', movedText(bytes, totalMs)],
      ]),
      ending,
    ].join('\n'),
  }
}
