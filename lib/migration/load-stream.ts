// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import { recorded } from '../recorder/recorded.js'
import { FrameReader } from '../stream/frame-reader.js'
import { openImage } from '../stream/image-file.js'
import type { Manifest } from '../stream/manifest.js'
import type { Wiring } from '../stream/wiring.js'
import { type RestoreWiringOptions, restoreWiring } from '../wiring/wiring.js'
import type { LoadOptions, LoadSession } from './load-session.js'
import { profileOfManifest } from './manifest.js'
import type { MigratableDevice } from './migratable-device.js'
import { checkCompatible, profileOf } from './profile.js'
import { NOTHING, PhaseClock, type ProgressOptions } from './progress.js'
import { actualState } from './refusal.js'
import type { StreamReport } from './report.js'

export interface LoadStreamOptions extends LoadOptions, ProgressOptions {
  /** The key the stream was written with; an unkeyed one is then refused. */
  readonly key?: Uint8Array | undefined
  /**
   * What to do with a command register and interrupts that were saved too ({@link restoreWiring}), before what was loaded is committed.
   * `false`: nothing, its owner does that. Default: restore all of it.
   */
  readonly wiring?: RestoreWiringOptions | false
  /** Where the device ends. Default `running`. */
  readonly target?: 'running' | 'stop'
}

/**
 * Loads the one device that the stream at `fd` holds. What is loaded is committed only after the end record proved the whole stream intact;
 * after any failure the device is reset (or as the option `recovery` says).
 * @throws {VfioError} `ERR_VFIO_INCOMPATIBLE`, before the device is touched; `ERR_VFIO_STREAM_*` and `ERR_VFIO_MALFORMED` for a bad stream
 */
export function loadFromStream(
  device: MigratableDevice,
  fd: number,
  options: LoadStreamOptions = {},
): Promise<StreamReport> {
  return recorded(options, 'load', { destination: device }, () => load(device, fd, options))
}

async function load(device: MigratableDevice, fd: number, options: LoadStreamOptions): Promise<StreamReport> {
  const { key, signal, maxChunk, target = 'running', wiring = {} } = options
  await using reader = FrameReader.open(fd, { key, signal, maxData: maxChunk })
  const manifest = await reader.readManifest()
  const migration = await device.migration()
  const [saved, another] = manifest.devices
  if (saved === undefined || another !== undefined) {
    throw new VfioError(
      'ERR_VFIO_INCOMPATIBLE',
      `the stream holds ${manifest.devices.length} devices; one at a time can be loaded`,
      { device: device.spec },
    )
  }
  checkCompatible(profileOfManifest(saved), await profileOf(device, migration), device.spec)
  let loading: LoadSession | undefined
  using clock = new PhaseClock(options, [device], () => loading?.moved ?? NOTHING)
  clock.enter('prepare')
  loading = await migration.load(options)
  try {
    clock.enter('load')
    const wired = await loadSections(reader, loading, manifest)
    if (wired !== undefined && wiring !== false) await restoreWiring(device, wired, wiring)
    clock.enter('resume')
    await loading.complete(target)
    const { phases, totalMs } = clock.finish()
    return {
      ok: true,
      protocol: migration.protocol,
      ...loading.moved,
      totalMs,
      device: device.spec,
      state: await actualState(migration),
      phases,
      manifest,
      frames: reader.totals.frames,
      streamBytes: reader.totals.bytes,
    }
  } finally {
    await loading.close()
  }
}

/** Loads what {@link saveToFile} wrote. */
export async function loadFromFile(
  device: MigratableDevice,
  path: string,
  options: LoadStreamOptions = {},
): Promise<StreamReport> {
  const file = await openImage(path)
  try {
    return await loadFromStream(device, file.fd, options)
  } finally {
    await file.close()
  }
}

/**
 * Loads the device state that follows the manifest, to the very end record: until that is right, nothing that was loaded may be committed.
 * @returns what the driver's stream leaves out, if it was saved
 */
export async function loadSections(
  reader: FrameReader,
  loading: LoadSession,
  manifest: Manifest,
): Promise<Wiring | undefined> {
  let wiring: Wiring | undefined
  const states = new Set<number>()
  for await (const frame of reader.frames()) {
    if (frame.kind === 'section-begin') {
      if (frame.description.device >= manifest.devices.length) {
        throw new VfioError(
          'ERR_VFIO_MALFORMED',
          `section ${frame.section} belongs to a device the manifest lacks`,
        )
      }
      if (frame.description.kind === 'memory') {
        throw new VfioError(
          'ERR_VFIO_INCOMPATIBLE',
          'the stream holds the memory of its devices too, and nobody is here to take it',
        )
      }
      if (frame.description.kind === 'device-state') states.add(frame.section)
      wiring ??= frame.description.wiring
    } else if (frame.kind === 'data') {
      if (states.has(frame.section)) await loading.loadFromFrames(reader, frame.section)
      else await reader.skipData(frame.section)
    }
  }
  if (states.size !== 1) {
    throw new VfioError(
      'ERR_VFIO_MALFORMED',
      `the stream holds ${states.size} states of the device instead of one`,
    )
  }
  return wiring
}
