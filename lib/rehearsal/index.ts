// SPDX-License-Identifier: MIT
// What a migration would take, found out without one.

export { type Comparison, checkPrediction, type MigrationFact, type PredictionCheck } from './check.js'
export type { RehearsalOptions } from './options.js'
export {
  type DowntimePartFigure,
  type DowntimePartName,
  type Figure,
  type Prediction,
  parsePrediction,
} from './prediction.js'
export { rehearse } from './rehearse.js'
export { preCopiesByDefault, type RehearsalSteps, rehearsalWarnings } from './warnings.js'
