// SPDX-License-Identifier: MIT
import { recorded } from '../recorder/recorded.js'
import { FrameWriter } from '../stream/frame-writer.js'
import { ImageFile } from '../stream/image-file.js'
import { deviceStateSection, wiringSection } from '../stream/section.js'
import type { Wiring } from '../stream/wiring.js'
import { captureStoppedWiring, captureWiring } from '../wiring/wiring.js'
import type { Moved } from './chunk.js'
import { manifestOf } from './manifest.js'
import type { MigratableDevice } from './migratable-device.js'
import { NOTHING, PhaseClock, type ProgressOptions } from './progress.js'
import { actualState } from './refusal.js'
import { type StreamReport, switchoverReport } from './report.js'
import type { SaveOptions, SaveSession } from './save-session.js'

export interface SaveStreamOptions extends SaveOptions, ProgressOptions {
  /** A SHA-256 with every data frame. Default false. */
  readonly strong?: boolean
  /** HMAC-SHA256 key, at least 16 bytes. */
  readonly key?: Uint8Array | undefined
  /** Also saves what the driver's stream leaves out: command register, interrupts in use ({@link captureWiring}). Default true. */
  readonly wiring?: boolean
  /**
   * Called once the whole stream is written, while the source can still go back: a failure to keep what was written (a full disk, a lost
   * peer) rolls the save back.
   */
  readonly secure?: () => Promise<void>
}

/**
 * Saves `device` in the format of docs/stream-format.md to a descriptor, which is borrowed. The device ends in `stop`; after a failure
 * where the option `recovery` says.
 * @throws {VfioError} the save failed; `recovery` says what was done to the device
 */
export function saveToStream(
  device: MigratableDevice,
  fd: number,
  options: SaveStreamOptions = {},
): Promise<StreamReport> {
  return recorded(options, 'save', { source: device }, () => save(device, fd, options))
}

async function save(device: MigratableDevice, fd: number, options: SaveStreamOptions): Promise<StreamReport> {
  const { signal, strong = false, key, secure, wiring = true } = options
  const migration = await device.migration()
  const manifest = await manifestOf(device, migration)
  let saving: SaveSession | undefined
  const followSwitchover = (): void => {
    if (clock.phase !== 'pre-copy' || saving?.preCopied === undefined) return
    clock.enter('stop-copy', saving.quiescedAt ?? saving.stoppedAt, saving.preCopied)
  }
  await using writer = FrameWriter.open(fd, { strong, key, signal })
  await writer.writeManifest(manifest)
  await writer.beginSection(1, deviceStateSection())
  using clock = new PhaseClock(options, [device], () => saving?.moved ?? NOTHING, followSwitchover)
  const wiredBefore = wiring ? await captureWiring(device) : undefined
  saving = await migration.save(options)
  try {
    clock.enter(saving.phase === 'pre-copy' ? 'pre-copy' : 'stop-copy', saving.quiescedAt ?? saving.stoppedAt)
    const { bytes, chunks } = await writeDeviceState(writer, saving, async () => {
      followSwitchover()
      return wiring ? await captureStoppedWiring(device, wiredBefore) : undefined
    })
    await secure?.()
    clock.enter('finish')
    await saving.complete()
    const { phases, totalMs } = clock.finish()
    return {
      ok: true,
      protocol: migration.protocol,
      bytes,
      chunks,
      totalMs,
      ...switchoverReport(
        saving,
        phases.some(({ name }) => name === 'pre-copy'),
      ),
      device: device.spec,
      state: await actualState(migration),
      phases,
      manifest,
      frames: writer.totals.frames,
      streamBytes: writer.totals.bytes,
    }
  } finally {
    await saving.close()
  }
}

/**
 * Writes what a save yields, what its driver leaves out, and the end record, into a stream whose manifest and first section are begun.
 * @param wiring asked when all data is read, the device stopped
 */
export async function writeDeviceState(
  writer: FrameWriter,
  saving: SaveSession,
  wiring: () => Promise<Wiring | undefined>,
): Promise<Moved> {
  const moved = await saving.pipeToFrames(writer, 1)
  const wired = await wiring()
  await writer.conclude(1, new Map(wired === undefined ? [] : [[2, wiringSection(wired)]]))
  return moved
}

/**
 * Saves `device` to a file, which appears under its name only when it is whole and on disk, readable by its owner alone.
 * @throws {VfioError} `ERR_VFIO_FILE_EXISTS`, before the device is touched
 */
export async function saveToFile(
  device: MigratableDevice,
  path: string,
  options: Omit<SaveStreamOptions, 'secure'> & { readonly overwrite?: boolean } = {},
): Promise<StreamReport> {
  await using file = await ImageFile.create(path, { overwrite: options.overwrite ?? false })
  return await saveToStream(device, file.fd, { ...options, secure: () => file.commit() })
}
