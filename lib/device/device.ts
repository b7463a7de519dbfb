// SPDX-License-Identifier: MIT
import { beginning, channels } from '../diagnostics/channels.js'
import { DeviceTrace } from '../diagnostics/device-trace.js'
import { unwrap, VfioError } from '../errors/index.js'
import type {
  NativeDevice,
  NativeIrqInfo,
  NativeServeOptions,
  NativeServer,
  NativeV1Options,
  RegisterWidth,
} from '../native-binding.js'
import { AccessGate } from './access-gate.js'
import { AddressSpace } from './address-space.js'
import { type Child, Children } from './children.js'
import { DataSink } from './data-sink.js'
import { DataSource } from './data-source.js'
import type { Companion, DeviceIdentity, DeviceInfo } from './device-identity.js'
import { DeviceRegions } from './device-regions.js'
import type { DeviceSession } from './device-session.js'
import { DmaLog } from './dma-log.js'
import {
  type DeviceFeature,
  enterLowPower,
  exitLowPower,
  type FeatureSupport,
  featureCallName,
  probeFeature,
  probeFeatures,
  setBusMaster,
  setVfToken,
} from './features.js'
import { type HotResetInfo, type HotResetOptions, hotResetInfoFrom } from './hot-reset.js'
import { type InterruptKind, indexOf, isExclusive, nameOfIndex, noSuchInterrupt } from './interrupt-index.js'
import { Interrupts } from './interrupts.js'
import { MigrationFeature } from './migration-feature.js'
import { DeviceNotices } from './notices.js'
import type { Region, RegionInfo } from './region.js'
import { RegionMapping } from './region-mapping.js'

const DEVICE_FLAGS_RESET = 1 << 0
const PCI_CONFIG_REGION = 7
const PCI_STATUS = 0x06

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
  readonly #interrupts = new Map<number, Interrupts>()
  #notices: DeviceNotices | undefined
  #closing: Promise<void> | undefined
  #space: Promise<AddressSpace> | undefined
  /** The device's own log of the pages it writes. */
  readonly dmaLog: DmaLog
  readonly #regions: DeviceRegions
  readonly #migration: MigrationFeature
  /** @internal What may be touched, as far as it is known: whoever changes or learns the device's state tells it. */
  readonly gate: AccessGate
  /** @internal Who tells what is done to the device. */
  readonly trace: DeviceTrace

  /** @internal Devices come from `openDevice`. */
  constructor(native: NativeDevice, identity: DeviceIdentity) {
    this.#native = native
    this.#identity = identity
    this.gate = new AccessGate(identity.spec)
    this.trace = new DeviceTrace(identity.spec)
    const own = {
      spec: identity.spec,
      children: this.#children,
      gate: this.gate,
      trace: this.trace,
      native: () => this.#open(),
    }
    this.dmaLog = new DmaLog(this.trace, own.native)
    this.#migration = new MigrationFeature(own)
    this.#regions = new DeviceRegions({
      ...own,
      info: () => this.info(),
      regionInfo: (index) => this.regionInfo(index),
    })
    if (identity.addressSpace) {
      identity.addressSpace.join(this)
      this.#space = Promise.resolve(identity.addressSpace)
    }
  }

  /** How the device was specified; names it in errors and reports. */
  get spec(): string {
    return this.#identity.spec
  }

  /** The driver behind it, where that is known. */
  get driver(): string | undefined {
    return this.#identity.driver
  }

  /** The driver that a simulated device behaves like, by its short name (`mlx5`); `undefined` for every other device. */
  get personality(): string | undefined {
    return this.#identity.personality
  }

  /**
   * How a device of the kernel's was reached: through its group and a container, or by its own node and an iommufd. `undefined` for a
   * device of another kind.
   */
  get path(): 'group' | 'cdev' | undefined {
    return this.#identity.path
  }

  /** The iommufd's name for a device that was opened by its node: what `Iommufd.hwInfo` and `Ioas.hwpt` take. Else `undefined`. */
  get iommufdId(): number | undefined {
    return this.#identity.iommufdId
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

  /** A region by its index (`VFIO_PCI_BAR0_REGION_INDEX` is 0). @throws {VfioError} `ERR_VFIO_NO_SUCH_REGION` where there is none */
  region(index: number): Promise<Region> {
    return this.#regions.region(index)
  }

  /** Every region that is not empty, in index order. */
  regions(): Promise<Region[]> {
    return this.#regions.all()
  }

  /**
   * A region of the driver's own by its type capability: `VFIO_REGION_TYPE_*` and `VFIO_REGION_SUBTYPE_*`; for a vendor's type
   * `VFIO_REGION_TYPE_PCI_VENDOR_TYPE` with the PCI vendor's number. `undefined` where the device has none. See also `region.kind`.
   */
  regionByType(type: number, subtype: number): Promise<Region | undefined> {
    return this.#regions.byType(type, subtype)
  }

  /** How many mappings of its regions are open through this handle. */
  get mappings(): number {
    return [...this.#children.all].filter((child) => child instanceof RegionMapping).length
  }

  /** `VFIO_DEVICE_GET_IRQ_INFO`. */
  async irqInfo(index: number): Promise<NativeIrqInfo> {
    checkIndex('interrupt', index)
    return unwrap(await this.#open().irqInfo(index), this.spec)
  }

  /**
   * The interrupts of an index, by its name or number. The same object at each call.
   * @throws {VfioError} `ERR_VFIO_NO_SUCH_INTERRUPT` when there are none
   */
  async interrupts(which: InterruptKind | number): Promise<Interrupts> {
    const { flags } = await this.info()
    const index = typeof which === 'number' ? which : indexOf(which, flags)
    if (index === undefined)
      throw noSuchInterrupt(this.spec, `this kind of device has no ${which} interrupts`)
    let info: NativeIrqInfo
    try {
      info = await this.irqInfo(index)
    } catch (error) {
      // How drivers say that an index does not exist.
      if (error instanceof VfioError && error.code === 'EINVAL')
        throw noSuchInterrupt(this.spec, `there is no interrupt index ${index}`)
      throw error
    }
    if (info.count === 0)
      throw noSuchInterrupt(this.spec, `there are no ${nameOfIndex(index, flags)} interrupts`)
    const known = this.#interrupts.get(index)
    if (known) return known
    const exclusive = isExclusive(index, flags)
    const interrupts = new Interrupts(
      {
        spec: this.spec,
        trace: this.trace,
        native: () => this.#open(),
        rival: (own) => {
          if (!exclusive) return undefined
          for (const other of this.#interrupts.values()) {
            if (other !== own && other.enabled && isExclusive(other.index, flags)) return other.name
          }
          return undefined
        },
        isClosed: () => this.closed,
      },
      nameOfIndex(index, flags),
      info,
    )
    this.#interrupts.set(index, interrupts)
    return this.#children.add(interrupts)
  }

  /** Of INTx, MSI and MSI-X what is enabled through this object, and which vectors: none or one of them. */
  get enabledInterrupts(): {
    readonly kind: 'intx' | 'msi' | 'msi-x'
    readonly vectors: readonly number[]
  }[] {
    const found: { kind: 'intx' | 'msi' | 'msi-x'; vectors: number[] }[] = []
    for (const { name, enabled, vectors } of this.#interrupts.values()) {
      if (enabled && vectors.length > 0 && (name === 'intx' || name === 'msi' || name === 'msi-x'))
        found.push({ kind: name, vectors })
    }
    return found
  }

  /** What the driver has to tell: that the device is wanted back, has failed, or is gone. `openDevice` has them armed. */
  get notices(): DeviceNotices {
    this.#notices ??= new DeviceNotices({
      spec: this.spec,
      interrupts: (kind) => this.interrupts(kind),
      isGone: () => this.#isGone(),
      close: () => this.close(),
    })
    return this.#notices
  }

  // A PCI device that has left the bus answers every read with ones; its status register has bits that are always 0.
  async #isGone(): Promise<boolean> {
    const config = await this.region(PCI_CONFIG_REGION)
    return (await config.readRegister(PCI_STATUS, 2)) === 0xffff
  }

  /**
   * `VFIO_DEVICE_RESET`. The device's state is lost, its sessions end, and it is running afterwards.
   * Never waits behind a state change in progress.
   */
  async reset(): Promise<void> {
    const began = beginning(channels.reset)
    const outcome = await this.#open().reset()
    if (began !== undefined) this.trace.reset(began, outcome, 'function')
    unwrap(outcome, this.spec)
    this.gate.wasReset()
  }

  /**
   * `VFIO_DEVICE_GET_PCI_HOT_RESET_INFO`: what {@link hotReset} would reset. Kernel devices of vfio-pci and its relatives.
   * @throws {VfioSystemError} `ENODEV`: neither the slot nor the bus of the device can be reset, as on a root bus; `ENOTTY`: another driver;
   *   `EPERM`: a device there is in no IOMMU group
   */
  async hotResetInfo(): Promise<HotResetInfo> {
    return hotResetInfoFrom(unwrap(await this.#open().hotResetInfo(), this.spec))
  }

  /**
   * `VFIO_DEVICE_PCI_HOT_RESET`: resets the slot or bus of the device, and with it every function there. Each loses its state, its sessions
   * end, and it is running afterwards: whoever holds another of them must read its state again. The process must hold them all, by their
   * groups or in the same iommufd.
   * @throws {VfioSystemError} as {@link hotResetInfo}; `EINVAL`: not all of them are held, or bound to VFIO (the message names them)
   */
  async hotReset(options: HotResetOptions = {}): Promise<void> {
    const groups = (options.groups ?? []).map(({ descriptor }) => descriptor)
    const began = beginning(channels.reset)
    const outcome = await this.#open().hotReset(groups)
    if (began !== undefined) this.trace.reset(began, outcome, 'hot')
    unwrap(outcome, this.spec)
    this.gate.wasReset()
  }

  /** v2: the flags of `VFIO_DEVICE_FEATURE_MIGRATION`. ENOTTY: the driver has no migration. */
  migrationFlags(): Promise<bigint> {
    return this.#migration.flags()
  }

  /** v2: the number the device gives for its state (`VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` GET). */
  migrationState(): Promise<number> {
    return this.#migration.state()
  }

  /**
   * v2: `VFIO_DEVICE_FEATURE_MIG_DEVICE_STATE` SET, one request; the kernel walks combined transitions by itself. After a failure only
   * {@link migrationState} tells where the device is.
   * @returns the session that a data descriptor came for, or `undefined`
   */
  setMigrationState(state: number): Promise<DeviceSession | undefined> {
    return this.#migration.setState(state)
  }

  /**
   * v2: the session that another holder of the device began, over its data descriptor, which is duplicated. Nobody can tell which device
   * the data belongs to: it must have come with this one.
   * @throws {VfioError} `ERR_VFIO_NOT_A_DEVICE` when it is something else, `ERR_VFIO_UNSUPPORTED` where there are no descriptors
   */
  adoptSession(fd: number): Promise<DeviceSession> {
    return this.#migration.adoptSession(fd)
  }

  /** v2: `VFIO_DEVICE_FEATURE_MIG_DATA_SIZE`, an estimate in bytes. */
  migrationDataSize(): Promise<bigint> {
    return this.#migration.dataSize()
  }

  /**
   * `VFIO_DEVICE_FEATURE` as it is, for features this library has no words for.
   * @param flags the feature's index, with `VFIO_DEVICE_FEATURE_GET`, `_SET` or `_PROBE`
   * @param payload what goes in; its length is what may come out
   * @returns the payload as the kernel left it, in memory of its own
   */
  async feature(flags: number, payload: Uint8Array = new Uint8Array()): Promise<Uint8Array> {
    const began = beginning(channels.feature)
    const outcome = await this.#open().feature(flags, payload)
    if (began !== undefined) this.trace.feature(began, outcome, ...featureCallName(flags))
    return new Uint8Array(unwrap(outcome, this.spec))
  }

  /** What the driver can do with a feature: `VFIO_DEVICE_FEATURE_PROBE`, which changes nothing. Any number, known here or not. */
  probeFeature(id: number): Promise<FeatureSupport> {
    return probeFeature((flags) => this.feature(flags), id)
  }

  /** Every feature that this library knows, whether the device has it or not. */
  features(): Promise<DeviceFeature[]> {
    return probeFeatures((flags) => this.feature(flags))
  }

  /**
   * `VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY`: lets the host put the device to sleep. Calls and region accesses wake it for as long as they take
   * and stay allowed; memory that is mapped would end the process when it is touched, so that there may be no mapping, and none is made,
   * until {@link lowPowerExit}.
   * @param options.wakeup an eventfd that is signalled when the device wakes, for whatever reason
   *   (`VFIO_DEVICE_FEATURE_LOW_POWER_ENTRY_WITH_WAKEUP`); it is out of low power then, and {@link lowPowerExit} makes it known here
   * @throws {VfioError} `ERR_VFIO_MAPPED`: close the mappings first
   * @throws {VfioSystemError} `ENOTTY`: the driver has no such thing; `EINVAL`: it is in low power already, or no eventfd
   */
  async lowPowerEntry(
    options: { readonly wakeup?: number | { readonly descriptor: number } } = {},
  ): Promise<void> {
    const open = this.mappings
    if (open > 0) {
      throw new VfioError(
        'ERR_VFIO_MAPPED',
        `${open} of the mappings of ${this.spec} would be fatal to touch in low power: close them first`,
        { device: this.spec },
      )
    }
    const { wakeup } = options
    const before = this.gate.lowPower
    // From here on, so that no mapping slips in while the kernel is at it.
    this.gate.lowPower = true
    try {
      await enterLowPower(
        (flags, payload) => this.feature(flags, payload),
        typeof wakeup === 'object' ? wakeup.descriptor : wakeup,
      )
    } catch (error) {
      this.gate.lowPower = before
      throw error
    }
  }

  /** `VFIO_DEVICE_FEATURE_LOW_POWER_EXIT`. No error when the device was not in low power. */
  async lowPowerExit(): Promise<void> {
    await exitLowPower((flags, payload) => this.feature(flags, payload))
    this.gate.lowPower = false
  }

  /**
   * `VFIO_DEVICE_FEATURE_BUS_MASTER`: whether the device may start DMA. In Linux 6.12 CDX devices have it; on PCI devices, which answer
   * ENOTTY, it is a bit of the command register (`PciConfig.setCommand`).
   */
  setBusMaster(enabled: boolean): Promise<void> {
    return setBusMaster((flags, payload) => this.feature(flags, payload), enabled)
  }

  /**
   * `VFIO_DEVICE_FEATURE_PCI_VF_TOKEN`, on a physical function: the secret that whoever opens one of its virtual functions must show
   * (`openDevice(..., { vfToken })`). Tokens cannot be read back.
   * @param token a UUID
   * @throws {VfioError} `ERR_VFIO_VF_TOKEN`: not a UUID
   * @throws {VfioSystemError} `ENOTTY`: not a physical function
   */
  setVfToken(token: string): Promise<void> {
    return setVfToken((flags, payload) => this.feature(flags, payload), token, this.spec)
  }

  /**
   * Where the device's DMA goes. The same object at each call; one that was not given to `openDevice` is closed with the device.
   * @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: it is attached to none, or whoever handed it over has it
   */
  addressSpace(): Promise<AddressSpace> {
    const native = this.#open()
    this.#space ??= (async () => {
      const found = unwrap(await native.addressSpace(), this.spec)
      if (found === null) {
        throw new VfioError('ERR_VFIO_UNSUPPORTED', `${this.spec} has no address space in this process`, {
          device: this.spec,
        })
      }
      const space = new AddressSpace(found, { endsWithDevices: true })
      space.join(this)
      return space
    })().catch((error: unknown) => {
      this.#space = undefined
      throw error
    })
    return this.#space
  }

  /** v1: save rounds over the migration region. */
  v1Source(regionIndex: number, options: NativeV1Options): DataSource {
    return this.#children.add(
      new DataSource(this.trace, this.#open().v1Source(regionIndex, options), this.#children, regionIndex),
    )
  }

  /** v1: load rounds over the migration region. */
  v1Sink(regionIndex: number, options: NativeV1Options): DataSink {
    return this.#children.add(
      new DataSink(this.trace, this.#open().v1Sink(regionIndex, options), this.#children, regionIndex),
    )
  }

  /**
   * Serves the device over vfio-user. What `make` makes of the native server is closed before the device.
   * @internal `serve()` is how it is done.
   */
  async startServer<T extends Child>(
    path: string,
    options: NativeServeOptions,
    make: (native: NativeServer, siblings: Children) => T,
  ): Promise<T> {
    const native = unwrap(await this.#open().serve(path, options), this.spec)
    return this.#children.add(make(native, this.#children))
  }

  /**
   * Closes what was opened through the device (sessions, mappings), the device, then what it holds (group, container). Idempotent. Settles when every call in progress has returned: an ioctl
   * cannot be interrupted. A real driver resets the device when its last holder closes it.
   */
  close(): Promise<void> {
    this.#closing ??= (async () => {
      this.#notices?.stop()
      await Promise.all([this.#native.close(), this.#children.close()])
      await (await this.#space?.catch(() => undefined))?.leave(this)
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

export type { Companion, DeviceIdentity, DeviceInfo, NativeIrqInfo as IrqInfo, RegisterWidth }
