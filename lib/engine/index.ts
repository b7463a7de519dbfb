// SPDX-License-Identifier: MIT

export type { AllowRule, AuthorisationOptions } from './authorisation.js'
export { planRecovery, receive, recoverDestination, recoverSource, send } from './deferred.js'
export type { EnginePhaseReport, EngineProgress } from './engine-clock.js'
export type { MemoryReport } from './memory-channel.js'
export type { ReceiveOptions } from './receive.js'
export type { ReceivedState, ReceiveProgress, ReceiveReport } from './receive-report.js'
export type { RecoverDestinationOptions, RecoverReport, RecoverSourceOptions } from './recover.js'
export type { RecoveryAction, RecoveryDevice, RecoveryPlan, RecoveryState } from './recovery-plan.js'
export type { SendLimits } from './send-limits.js'
export type { SendOptions } from './send-options.js'
export type {
  SendReport,
  SentDevice,
} from './send-report.js'
export type { EngineTimes } from './times.js'
