// SPDX-License-Identifier: MIT

export type { AccessOptions } from './device/access-gate.js'
export {
  AddressSpace,
  type AddressSpaceInfo,
  type AddressSpaceUser,
  type MapOptions,
} from './device/address-space.js'
export {
  type Companion,
  Device,
  type DeviceIdentity,
  type DeviceInfo,
  type IrqInfo,
  type RegisterWidth,
} from './device/device.js'
export { DeviceSession } from './device/device-session.js'
export { DirtyBitmap, type DirtyRun } from './device/dirty-bitmap.js'
export {
  type DirtyMechanism,
  type DirtyMechanismSupport,
  type DirtyReport,
  DirtyTracking,
  type DirtyTrackingStart,
  dirtyMechanismsOf,
  dirtyTrackingOf,
} from './device/dirty-tracking.js'
export { DmaBuffer, type DmaBufferOptions, type DmaWindow } from './device/dma-buffer.js'
export { DmaLog } from './device/dma-log.js'
export { DmaMapping } from './device/dma-mapping.js'
export { EventFd } from './device/event-fd.js'
export { type DeviceFeature, type FeatureSupport, featureId } from './device/features.js'
export type { AffectedDevice, HotResetInfo, HotResetOptions } from './device/hot-reset.js'
export type { InterruptKind } from './device/interrupt-index.js'
export { type InterruptFlags, Interrupts, type VectorTarget } from './device/interrupts.js'
export { Ioeventfd } from './device/ioeventfd.js'
export type { IovaRange } from './device/iova.js'
export type { DeviceNeed, DevicePath } from './device/kernel/path.js'
export { DeviceNotices, type Notice, type NoticeKind, type NoticeOptions } from './device/notices.js'
export { RateLimit, type RateLimitOptions } from './device/rate-limit.js'
export { Region, type RegionInfo } from './device/region.js'
export { RegionMapping } from './device/region-mapping.js'
export type * from './diagnostics/events.js'
export * from './engine/index.js'
export {
  type AddonAttempt,
  AddonNotFoundError,
  type EngineFailure,
  type EngineOutcome,
  type EnginePhase,
  type ErrorCode,
  errnoMessage,
  errnoName,
  errnoNumber,
  errorCodes,
  type Recovery,
  type RecoveryPolicy,
  UnsupportedPlatformError,
  VfioAbortError,
  VfioEngineError,
  VfioError,
  VfioHostChangeError,
  VfioMigrationError,
  VfioSystemError,
  VfioTransitionError,
} from './errors/index.js'
export * from './memory/index.js'
export type { Chunk, Moved } from './migration/chunk.js'
export { ChunkWriter, type ChunkWriterOptions } from './migration/chunk-writer.js'
export type { LoadOptions, LoadSession, LoadTarget } from './migration/load-session.js'
export { type LoadStreamOptions, loadFromFile, loadFromStream } from './migration/load-stream.js'
export { MigratableDevice } from './migration/migratable-device.js'
export { type MigrateOptions, migrate } from './migration/migrate.js'
export type { Migration, MigrationCapabilities, TransitionOptions } from './migration/migration.js'
export type {
  DeviceReport,
  MigrationPhase,
  MigrationProgress,
  MigrationReport,
  PhaseReport,
  StreamReport,
  SwitchoverReport,
  TransferReport,
} from './migration/report.js'
export type { SaveOptions, SaveSession } from './migration/save-session.js'
export { type SaveStreamOptions, saveToFile, saveToStream } from './migration/save-stream.js'
export { type KnownState, type MigrationState, stateNames, type TargetState } from './migration/state.js'
export type {
  PreCopySnapshot,
  SwitchoverAnswer,
  SwitchoverDecision,
  SwitchoverPolicy,
} from './migration/switchover-policy.js'
export { type OpenOptions, openDevice } from './open-device.js'
export * from './ownership/index.js'
export * from './policy/index.js'
export * from './recorder/index.js'
export * from './rehearsal/index.js'
export * from './stream/index.js'
export type { ClientEvent, DeviceLeft, PeerIdentity } from './vfio-user/client-event.js'
export type { VfioUserOptions } from './vfio-user/options.js'
export { type ServeOptions, serve, VfioUserServer } from './vfio-user/serve.js'
export { captureWiring, type RestoreWiringOptions, restoreWiring } from './wiring/wiring.js'
