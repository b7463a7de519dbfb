// SPDX-License-Identifier: MIT
// One device to one stream, and back.
import type { Device } from '../device/device.js'
import { VfioError } from '../errors/index.js'
import { parseAddress } from '../host/index.js'
import type { LoadOptions, LoadSession } from '../migration/load-session.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import type { Migration } from '../migration/migration.js'
import type { SaveOptions, SaveSession } from '../migration/save-session.js'
import {
  deviceStateSection,
  FrameReader,
  FrameWriter,
  type Manifest,
  type ManifestIdentity,
} from '../stream/index.js'
import { packageVersion } from './version.js'

export interface StreamOptions {
  readonly strong?: boolean
  readonly key?: Uint8Array | undefined
  readonly signal: AbortSignal
  readonly onProgress: (progress: { phase: string; bytes: number; total?: number }) => void
}

export interface Phase {
  readonly name: string
  readonly ms: number
  readonly bytes: number
  readonly chunks: number
}

export interface Saved {
  readonly protocol: 'v1' | 'v2'
  /** Device data, framing excluded. */
  readonly bytes: number
  readonly streamBytes: number
  readonly frames: number
  readonly totalMs: number
  /** From the request to leave running to the end of the data. */
  readonly stoppedMs: number
  readonly phases: readonly Phase[]
}

export interface Loaded {
  readonly manifest: Manifest
  readonly bytes: number
  readonly streamBytes: number
  readonly frames: number
  readonly totalMs: number
}

/**
 * Saves `device` to the descriptor `fd`.
 * @param secure called when the stream is written, before the device leaves stop-copy: what fails there still rolls the device back
 */
export async function saveDevice(
  device: MigratableDevice,
  fd: number,
  options: StreamOptions & SaveOptions,
  secure: () => Promise<void>,
): Promise<Saved> {
  const migration = await device.migration()
  const manifest = await describe(device, migration)
  await using writer = FrameWriter.open(fd, {
    strong: options.strong ?? false,
    key: options.key,
    signal: options.signal,
  })
  await writer.writeManifest(manifest)
  await writer.beginSection(1, deviceStateSection())
  const started = performance.now()
  await using saving = await migration.save(options)
  const phases = new PhaseClock(saving, started)
  const timer = setInterval(() => options.onProgress(phases.sample()), 100)
  try {
    const moved = await saving.pipeToFrames(writer, 1)
    await writer.endSection(1)
    await writer.finish()
    await secure()
    const ended = performance.now()
    const measured = phases.finish(ended)
    await saving.complete()
    return {
      protocol: migration.protocol,
      bytes: moved.bytes,
      streamBytes: writer.totals.bytes,
      frames: writer.totals.frames,
      totalMs: performance.now() - started,
      stoppedMs: ended - (saving.stoppedAt ?? started),
      phases: measured,
    }
  } finally {
    clearInterval(timer)
  }
}

/**
 * Loads the one device of the stream at `fd` into `device`, which runs when this resolves.
 * @throws {VfioError} `ERR_VFIO_INCOMPATIBLE`, before the device is touched
 */
export async function loadDevice(
  device: MigratableDevice,
  fd: number,
  options: StreamOptions & LoadOptions & { readonly total?: number | undefined },
): Promise<Loaded> {
  const started = performance.now()
  await using reader = FrameReader.open(fd, {
    key: options.key,
    signal: options.signal,
    maxData: options.maxChunk,
  })
  const manifest = await reader.readManifest()
  const migration = await device.migration()
  await checkFits(manifest, device, migration)
  await using loading = await migration.load(options)
  const timer = setInterval(() => {
    const { bytes } = reader.totals
    options.onProgress({
      phase: 'loading',
      bytes,
      ...(options.total === undefined ? {} : { total: options.total }),
    })
  }, 100)
  try {
    await loadSections(reader, loading)
    await loading.complete()
  } finally {
    clearInterval(timer)
  }
  return {
    manifest,
    bytes: loading.moved.bytes,
    streamBytes: reader.totals.bytes,
    frames: reader.totals.frames,
    totalMs: performance.now() - started,
  }
}

// To the very end record: until that is right, nothing that was loaded is committed.
async function loadSections(reader: FrameReader, loading: LoadSession): Promise<void> {
  const states = new Set<number>()
  for (let frame = await reader.next(); frame !== null; frame = await reader.next()) {
    if (frame.kind === 'section-begin') {
      if (frame.description.device !== 0) {
        throw new VfioError(
          'ERR_VFIO_MALFORMED',
          `section ${frame.section} belongs to a device the manifest lacks`,
        )
      }
      if (frame.description.kind === 'device-state') states.add(frame.section)
    } else if (frame.kind === 'data') {
      if (states.has(frame.section)) await loading.loadFromFrames(reader, frame.section)
      else await reader.skipData(frame.section)
    }
  }
}

async function checkFits(manifest: Manifest, device: Device, migration: Migration): Promise<void> {
  const incompatible = (message: string): VfioError =>
    new VfioError('ERR_VFIO_INCOMPATIBLE', message, { device: device.spec })
  const [saved, another] = manifest.devices
  if (saved === undefined || another !== undefined) {
    throw incompatible(`the stream holds ${manifest.devices.length} devices; one at a time can be loaded`)
  }
  if (saved.protocol !== migration.protocol) {
    throw incompatible(
      `the stream is of protocol ${saved.protocol}, ${device.spec} speaks ${migration.protocol}`,
    )
  }
  const own = await pciIds(device)
  const { vendor, device: id } = saved.identity ?? {}
  if (own !== undefined && vendor !== undefined && id !== undefined) {
    if (own.vendor !== vendor || own.device !== id) {
      throw incompatible(
        `the stream is of a device ${idText(vendor, id)}, ${device.spec} is ${idText(own.vendor, own.device)}`,
      )
    }
  }
}

async function describe(device: Device, migration: Migration): Promise<Manifest> {
  const { preCopy, p2p } = migration.capabilities
  const kind = device.spec.startsWith('sim:') ? 'simulated' : parseAddress(device.spec)?.kind
  const identity: ManifestIdentity = {
    ...(kind === undefined || kind === 'cdev' ? {} : { kind }),
    name: device.spec.replace(/[^\x20-\x7e]/g, '?').slice(0, 1024),
    ...(device.driver === undefined ? {} : { driver: device.driver }),
    ...(await pciIds(device)),
  }
  const dataSectionSize = migration.protocol === 'v1' ? await v1DataSectionSize(device) : undefined
  return {
    devices: [
      {
        index: 0,
        protocol: migration.protocol,
        identity,
        capabilities: { preCopy, p2p, ...(dataSectionSize === undefined ? {} : { dataSectionSize }) },
      },
    ],
    producer: `vfio-migration ${packageVersion()}`,
  }
}

// VFIO_DEVICE_FLAGS_PCI and VFIO_PCI_CONFIG_REGION_INDEX in <linux/vfio.h>.
const deviceFlagPci = 2
const configRegion = 7

async function pciIds(device: Device): Promise<{ vendor: number; device: number } | undefined> {
  const { flags, regions } = await device.info()
  if ((flags & deviceFlagPci) === 0 || regions <= configRegion) return undefined
  const config = await device.region(configRegion)
  return { vendor: await config.readRegister(0, 2), device: await config.readRegister(2, 2) }
}

// The registers of struct vfio_device_migration_info come first.
const v1RegisterBytes = 32n

async function v1DataSectionSize(device: Device): Promise<string | undefined> {
  const region = (await device.regions()).find(({ info }) => info.type?.type === 3 && info.type.subtype === 1)
  return region === undefined ? undefined : String(region.size - v1RegisterBytes)
}

function idText(vendor: number, device: number): string {
  const hex = (value: number): string => value.toString(16).padStart(4, '0')
  return `${hex(vendor)}:${hex(device)}`
}

// When each phase of a save began and what it moved.
class PhaseClock {
  readonly #saving: SaveSession
  readonly #started: number

  constructor(saving: SaveSession, started: number) {
    this.#saving = saving
    this.#started = started
  }

  sample(): { phase: string; bytes: number } {
    return { phase: this.#saving.phase, bytes: this.#saving.moved.bytes }
  }

  finish(ended: number): Phase[] {
    const stopped = this.#saving.stoppedAt ?? this.#started
    const before = this.#saving.preCopied ?? { bytes: 0, chunks: 0 }
    const { bytes, chunks } = this.#saving.moved
    const phases: Phase[] = []
    if (before.bytes > 0 || before.chunks > 0) {
      phases.push({ name: 'pre-copy', ms: stopped - this.#started, ...before })
    }
    phases.push({
      name: 'stop-copy',
      ms: ended - stopped,
      bytes: bytes - before.bytes,
      chunks: chunks - before.chunks,
    })
    return phases
  }
}
