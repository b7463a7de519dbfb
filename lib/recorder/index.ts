// SPDX-License-Identifier: MIT
export { type ChromeTrace, chromeTrace, type TraceEvent } from './chrome-trace.js'
export { Downtime, type DowntimePart, type DowntimeReport } from './downtime.js'
export {
  FlightRecorder,
  type FlightRecorderOptions,
  type RunOutcome,
  type WatchedDevice,
} from './flight-recorder.js'
export { type ClockRelation, type MergedReport, mergeReports, type SidedEvent } from './merge.js'
export type { RecorderOptions } from './recorded.js'
export { writeRunReport } from './report-file.js'
export type {
  DroppedEvents,
  RunDevice,
  RunPhase,
  RunReport,
  RunSide,
  TimelineEvent,
} from './run-report.js'
