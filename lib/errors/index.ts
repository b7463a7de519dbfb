// SPDX-License-Identifier: MIT

export { throwIfAborted, VfioAbortError } from './abort-error.js'
export { type AddonAttempt, AddonNotFoundError, UnsupportedPlatformError } from './addon-error.js'
export { type ErrorCode, errorCodes } from './codes.js'
export { type EngineFailure, type EngineOutcome, type EnginePhase, VfioEngineError } from './engine-error.js'
export { errnoMessage, errnoName, errnoNumber } from './errno.js'
export { type HostChangeFailure, type HostWrite, VfioHostChangeError } from './host-change-error.js'
export { type MigrationFailure, VfioMigrationError } from './migration-error.js'
export { errorFrom, isFailure, unwrap, unwrapAdoption } from './native-failure.js'
export type { Recovery, RecoveryPolicy } from './recovery.js'
export { type SystemFailure, VfioSystemError } from './system-error.js'
export { type TransitionFailure, VfioTransitionError } from './transition-error.js'
export { VfioError } from './vfio-error.js'
