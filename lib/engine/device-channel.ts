// SPDX-License-Identifier: MIT
// The bulk data of one device between two engines: a stream as in docs/stream-format.md, of one device each.
import type { LoadSet } from '../coordinator/load-set.js'
import type { Member } from '../coordinator/member.js'
import type { LoadSession } from '../migration/load-session.js'
import { loadSections } from '../migration/load-stream.js'
import { manifestOf } from '../migration/manifest.js'
import type { SaveSession } from '../migration/save-session.js'
import { writeDeviceState } from '../migration/save-stream.js'
import { FrameReader } from '../stream/frame-reader.js'
import { FrameWriter } from '../stream/frame-writer.js'
import { deviceStateSection } from '../stream/section.js'
import type { Wiring } from '../stream/wiring.js'
import type { BulkChannel } from '../transport/index.js'
import {
  captureStoppedWiring,
  captureWiring,
  type RestoreWiringOptions,
  restoreWiring,
} from '../wiring/wiring.js'

export interface OutgoingOptions {
  readonly strong: boolean
  readonly wiring: boolean
  readonly signal: AbortSignal
}

/** Everything of one device to the other engine. {@link begin} before the device is disturbed, {@link write} once its save has begun. */
export class OutgoingDevice implements AsyncDisposable {
  readonly #member: Member
  readonly #channel: BulkChannel
  readonly #options: OutgoingOptions
  readonly #writer: FrameWriter
  #wiredBefore: Wiring | undefined

  constructor(member: Member, channel: BulkChannel, options: OutgoingOptions) {
    this.#member = member
    this.#channel = channel
    this.#options = options
    const { strong, signal } = options
    this.#writer = FrameWriter.open(channel.fd, { strong, signal })
  }

  async begin(): Promise<void> {
    const { device, migration } = this.#member
    await this.#writer.writeManifest(await manifestOf(device, migration))
    await this.#writer.beginSection(1, deviceStateSection())
    if (this.#options.wiring) this.#wiredBefore = await captureWiring(device)
  }

  async write(save: SaveSession): Promise<void> {
    const { device } = this.#member
    await writeDeviceState(this.#writer, save, async () =>
      this.#options.wiring ? await captureStoppedWiring(device, this.#wiredBefore) : undefined,
    )
    // The writer has its own descriptor of the channel, and nothing more to write to it.
    await Promise.all([this.#writer.close(), this.#channel.finish({ signal: this.#options.signal })])
  }

  /** Nothing of it is wanted any more. */
  async [Symbol.asyncDispose](): Promise<void> {
    await this.#writer.close()
    await this.#channel.close()
  }
}

export interface IncomingOptions {
  readonly wiring: RestoreWiringOptions | false
  readonly maxChunk?: number | undefined
  readonly signal: AbortSignal
}

/** Everything of one device from the other engine, up to the point where the device has accepted it and stands still. */
export async function receiveDevice(
  { device }: Member,
  load: LoadSession,
  channel: BulkChannel,
  settle: () => ReturnType<LoadSet['settle']>,
  { wiring, maxChunk, signal }: IncomingOptions,
): Promise<void> {
  await using reader = FrameReader.open(channel.fd, { signal, maxData: maxChunk })
  const manifest = await reader.readManifest()
  const wired = await loadSections(reader, load, manifest)
  // Before it leaves resuming, as the order of a load wants it; the device stands still meanwhile.
  if (wired !== undefined && wiring !== false) await restoreWiring(device, wired, wiring)
  await Promise.all([settle(), reader.close()])
}
