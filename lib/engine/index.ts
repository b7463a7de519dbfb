// SPDX-License-Identifier: MIT
export type { AllowRule, AuthorisationOptions } from './authorisation.js'
export { type ReceiveOptions, receive } from './receive.js'
export type { ReceivedState, ReceiveProgress, ReceiveReport } from './receive-report.js'
export { type SendOptions, send } from './send.js'
export type {
  EnginePhaseReport,
  EngineProgress,
  SendReport,
  SentDevice,
} from './send-report.js'
export type { EngineTimes } from './times.js'
