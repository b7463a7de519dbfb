// SPDX-License-Identifier: MIT
import { beginning, channels } from '../diagnostics/channels.js'
import type { DeviceTrace } from '../diagnostics/device-trace.js'
import { unwrap } from '../errors/index.js'
import type { NativePrecopyInfo, NativeSession } from '../native-binding.js'
import type { Children } from './children.js'
import { DataSink } from './data-sink.js'
import { DataSource } from './data-source.js'

/** `struct vfio_precopy_info`: estimates in bytes. */
export type PrecopyInfo = NativePrecopyInfo

/** A v2 data session: what entering the saving group or `resuming` yields. Owns whatever carries the bytes. */
export class DeviceSession implements AsyncDisposable {
  readonly #trace: DeviceTrace
  readonly #siblings: Children
  readonly #native: NativeSession

  /** @internal Sessions come from `device.setMigrationState()`. */
  constructor(trace: DeviceTrace, native: NativeSession, siblings: Children) {
    this.#trace = trace
    this.#siblings = siblings
    this.#native = native
  }

  /** The descriptor that carries the bytes, to hand to another process; `undefined` where there is none. Borrowed. */
  get descriptor(): number | undefined {
    const { descriptor } = this.#native
    return descriptor < 0 ? undefined : descriptor
  }

  /**
   * `VFIO_MIG_GET_PRECOPY_INFO`, valid in the pre-copy states only (EINVAL elsewhere). On mlx5 and virtio asking also starts the next
   * incremental save.
   */
  async precopyInfo(): Promise<PrecopyInfo> {
    const began = beginning(channels.feature)
    const info = await this.#native.precopyInfo()
    if (began !== undefined) this.#trace.feature(began, info, 'precopy-info', 'get')
    return unwrap(info, this.#trace.device)
  }

  /** The bytes of a save session. `bufferSize` in bytes. Once per session. */
  source(bufferSize: number): DataSource {
    return this.#siblings.add(new DataSource(this.#trace, this.#native.source(bufferSize), this.#siblings))
  }

  /** Takes the bytes of a load session. `bufferSize` in bytes. Once per session. */
  sink(bufferSize: number): DataSink {
    return this.#siblings.add(new DataSink(this.#trace, this.#native.sink(bufferSize), this.#siblings))
  }

  /** Closes what carries the bytes; the state of the device stays. Idempotent. */
  async close(): Promise<void> {
    this.#siblings.delete(this)
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
