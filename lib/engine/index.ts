// SPDX-License-Identifier: MIT

export type { AllowRule, AuthorisationOptions } from './authorisation.js'
export type { EnginePhaseReport, EngineProgress } from './engine-clock.js'
export type { MemoryReport } from './memory-channel.js'
export { type ReceiveOptions, receive } from './receive.js'
export type { ReceivedState, ReceiveProgress, ReceiveReport } from './receive-report.js'
export {
  type RecoverDestinationOptions,
  type RecoverReport,
  type RecoverSourceOptions,
  recoverDestination,
  recoverSource,
} from './recover.js'
export {
  planRecovery,
  type RecoveryAction,
  type RecoveryDevice,
  type RecoveryPlan,
  type RecoveryState,
} from './recovery-plan.js'
export { send } from './send.js'
export type { SendLimits } from './send-limits.js'
export type { SendOptions } from './send-options.js'
export type {
  SendReport,
  SentDevice,
} from './send-report.js'
export type { EngineTimes } from './times.js'
