// SPDX-License-Identifier: MIT
import { unwrap, unwrapAdoption, VfioError } from '../errors/index.js'
import type {
  NativeCompanion,
  NativeDevice,
  NativeIrqInfo,
  NativeV1Options,
  RegisterWidth,
} from '../native-binding.js'
import { Children } from './children.js'
import { DataSink } from './data-sink.js'
import { DataSource } from './data-source.js'
import { DeviceSession } from './device-session.js'
import { Region, type RegionInfo } from './region.js'

/** `struct vfio_device_info`. */
export interface DeviceInfo {
  /** `VFIO_DEVICE_FLAGS_*`. */
  readonly flags: number
  /** How many region indexes exist; some may be empty. */
  readonly regions: number
  /** How many interrupt indexes exist. */
  readonly irqs: number
  /** `VFIO_DEVICE_FLAGS_RESET`: whether {@link Device.reset} can work. */
  readonly resettable: boolean
}

/** What is known of a device besides what the device itself says. */
export interface DeviceIdentity {
  /** As it was asked for: a PCI address, an mdev UUID, `fd:N`, `sim:…`. */
  readonly spec: string
  /** The kernel driver bound to it, `simulated`, or `undefined` where nobody can say. */
  readonly driver: string | undefined
  /** What has to stay open as long as the device: its group, and through that the container. Closed after it. */
  readonly holds: readonly AsyncDisposable[]
  /** Among them, descriptors that a new holder of the device would need too. */
  readonly companions?: readonly Companion[]
}

/**
 * A descriptor besides the device's own. The kernel keeps group, container and iommufd alive as long as the device is open, and what is
 * mapped stays mapped; but without the descriptor nobody can map or unmap, nor open another device of the group.
 */
export type Companion = NativeCompanion

const DEVICE_FLAGS_RESET = 1 << 0

/**
 * An open VFIO device. Its state lives exactly as long as somebody holds it open: real drivers reset at the first open and the last close.
 *
 * Control calls (state changes, features) run in order on the device's own thread; {@link reset}, region access and {@link close} never
 * wait behind them. Nothing here blocks the event loop or libuv's pool.
 */
export class Device implements AsyncDisposable {
  readonly #native: NativeDevice
  readonly #identity: DeviceIdentity
  readonly #children = new Children()
  #closing: Promise<void> | undefined

  /** @internal Devices come from `openDevice`. */
  constructor(native: NativeDevice, identity: DeviceIdentity) {
    this.#native = native
    this.#identity = identity
  }

  /** How the device was specified; names it in errors and reports. */
  get spec(): string {
    return this.#identity.spec
  }

  /** The driver behind it, where that is known. */
  get driver(): string | undefined {
    return this.#identity.driver
  }

  get closed(): boolean {
    return this.#closing !== undefined
  }

  /**
   * The device's descriptor, to hand to another process; `undefined` for a device that has none (a simulated one). Borrowed: it is closed
   * with the device.
   * @throws {VfioError} `ERR_VFIO_CLOSED`
   */
  get descriptor(): number | undefined {
    const descriptor = this.#open().descriptor
    return descriptor < 0 ? undefined : descriptor
  }

  /** What a process that the device is handed to needs besides {@link descriptor}, to map memory for it. Borrowed. */
  get companions(): readonly Companion[] {
    return [...this.#open().companions, ...(this.#identity.companions ?? [])]
  }

  #open(): NativeDevice {
    if (this.#closing) throw new VfioError('ERR_VFIO_CLOSED', `${this.spec} is closed`, { device: this.spec })
    return this.#native
  }

  /** `VFIO_DEVICE_GET_INFO`. */
  async info(): Promise<DeviceInfo> {
    const info = unwrap(await this.#open().info(), this.spec)
    return { ...info, resettable: (info.flags & DEVICE_FLAGS_RESET) !== 0 }
  }

  /**
   * `VFIO_DEVICE_GET_REGION_INFO` with its capability chain, every offset and size checked.
   * @throws {VfioError} `ERR_VFIO_MALFORMED`: the device describes an impossible region
   */
  async regionInfo(index: number): Promise<RegionInfo> {
    checkIndex('region', index)
    return unwrap(await this.#open().regionInfo(index), this.spec)
  }

  /** A region by its index (`VFIO_PCI_BAR0_REGION_INDEX` is 0). @throws {VfioError} `ERR_VFIO_NO_SUCH_REGION` when its size is 0 */
  async region(index: number): Promise<Region> {
    const info = await this.regionInfo(index)
    if (info.size === 0n) {
      throw new VfioError('ERR_VFIO_NO_SUCH_REGION', `${this.spec} has no region ${index}`, {
        device: this.spec,
      })
    }
    return new Region(this.spec, () => this.#open(), this.#children, info)
  }

  /** Every region that is not empty, in index order. */
  async regions(): Promise<Region[]> {
    const { regions } = await this.info()
    const found: Region[] = []
    for (let index = 0; index < regions; index++) {
      const info = await this.regionInfo(index)
      if (info.size > 0n) found.push(new Region(this.spec, () => this.#open(), this.#children, info))
    }
    return found
  }

  /** `VFIO_DEVICE_GET_IRQ_INFO`. */
  async irqInfo(index: number): Promise<NativeIrqInfo> {
    checkIndex('interrupt', index)
    return unwrap(await this.#open().irqInfo(index), this.spec)
  }

  /**
   * `VFIO_DEVICE_RESET`. The device's state is lost, its sessions end, and it is running afterwards.
   * Never waits behind a state change in progress.
   */
  async reset(): Promise<void> {
    unwrap(await this.#open().reset(), this.spec)
  }

  /** v2: the flags of `VFIO_DEVICE_FEATURE_MIGRATION`. ENOTTY: the driver has no migration. */
  async migrationFlags(): Promise<bigint> {
    return unwrap(await this.#open().migrationFlags(), this.spec)
  }

  /** v2: the number the device gives for its state (`VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` GET). */
  async migrationState(): Promise<number> {
    return unwrap(await this.#open().migrationState(), this.spec)
  }

  /**
   * v2: `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` SET, one request; the kernel walks combined transitions by itself. After a failure only
   * {@link migrationState} tells where the device is.
   * @returns the session that a data descriptor came for, or `undefined`
   */
  async setMigrationState(state: number): Promise<DeviceSession | undefined> {
    const session = unwrap(await this.#open().setMigrationState(state), this.spec)
    return session === null
      ? undefined
      : this.#children.add(new DeviceSession(this.spec, session, this.#children))
  }

  /**
   * v2: the session that another holder of the device began, over its data descriptor, which is duplicated. Nobody can tell which device
   * the data belongs to: it must have come with this one.
   * @throws {VfioError} `ERR_VFIO_NOT_A_DEVICE` when it is something else, `ERR_VFIO_UNSUPPORTED` where there are no descriptors
   */
  async adoptSession(fd: number): Promise<DeviceSession> {
    const session = unwrapAdoption(await this.#open().adoptSession(fd), this.spec)
    return this.#children.add(new DeviceSession(this.spec, session, this.#children))
  }

  /** v2: `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`, an estimate in bytes. */
  async migrationDataSize(): Promise<bigint> {
    return unwrap(await this.#open().migrationDataSize(), this.spec)
  }

  /**
   * `VFIO_DEVICE_FEATURE` as it is, for features this library has no words for.
   * @param flags the feature's index, with `VFIO_DEVICE_FEATURE_GET`, `_SET` or `_PROBE`
   * @param payload what goes in; its length is what may come out
   * @returns the payload as the kernel left it, in memory of its own
   */
  async feature(flags: number, payload: Uint8Array = new Uint8Array()): Promise<Uint8Array> {
    return new Uint8Array(unwrap(await this.#open().feature(flags, payload), this.spec))
  }

  /** v1: save rounds over the migration region. */
  v1Source(regionIndex: number, options: NativeV1Options): DataSource {
    return this.#children.add(
      new DataSource(this.spec, this.#open().v1Source(regionIndex, options), this.#children),
    )
  }

  /** v1: load rounds over the migration region. */
  v1Sink(regionIndex: number, options: NativeV1Options): DataSink {
    return this.#children.add(
      new DataSink(this.spec, this.#open().v1Sink(regionIndex, options), this.#children),
    )
  }

  /**
   * Closes what was opened through the device (sessions, mappings), the device, then what it holds (group, container). Idempotent. Settles when every call in progress has returned: an ioctl
   * cannot be interrupted. A real driver resets the device when its last holder closes it.
   */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      await Promise.all([this.#native.close(), this.#children.close()])
      for (const held of this.#identity.holds) await held[Symbol.asyncDispose]()
    })()
    return this.#closing
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function checkIndex(what: string, index: number): void {
  if (!Number.isInteger(index) || index < 0 || index > 0xffff_ffff) {
    throw new RangeError(`${what} index must be an integer from 0 to 4294967295, not ${index}`)
  }
}

export type { NativeIrqInfo as IrqInfo, RegisterWidth }
