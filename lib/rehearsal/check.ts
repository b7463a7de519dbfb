// SPDX-License-Identifier: MIT
import type { DowntimePart } from '../recorder/downtime.js'
import type { DowntimePartName, Prediction } from './prediction.js'

/** What a migration did, as far as it is held against a prediction. */
export interface MigrationFact {
  readonly bytes: number
  readonly totalMs: number
  readonly downtimeMs: number
  readonly downtime?: { readonly parts: readonly DowntimePart[] }
}

/** A predicted and an actual number. */
export interface Comparison {
  readonly predicted: number
  readonly actual: number
  /** By which part of the actual one the prediction is off: -0.1 is ten per cent too low. 0 where both are 0. */
  readonly error: number
}

/** A prediction against the fact. */
export interface PredictionCheck {
  readonly bytes: Comparison
  readonly totalMs: Comparison
  readonly downtimeMs: Comparison
  /** `quiesce`, `stop`, `data` (drain, transfer, load and what goes with it) and `resume`; those that the fact tells apart. */
  readonly parts: Readonly<Record<string, Comparison>>
}

// Where the parts of a fact belong. One pump drains and loads at once, so that those cannot be told apart.
const groups: readonly (readonly [string, readonly DowntimePartName[], readonly string[]])[] = [
  ['quiesce', ['quiesce'], ['quiesce']],
  ['stop', ['stop'], ['stop']],
  ['data', ['drain', 'transfer', 'load'], ['drain', 'transfer', 'load', 'wiring', 'commit-fsync']],
  ['resume', ['resume'], ['resume']],
]

/** Holds a prediction against what a migration did. Whether they are of the same device is the caller's affair. */
export function checkPrediction(prediction: Prediction, fact: MigrationFact): PredictionCheck {
  const actualParts = fact.downtime?.parts ?? []
  const parts: Record<string, Comparison> = {}
  for (const [name, predicted, actual] of groups) {
    if (!actualParts.some((part) => actual.includes(part.name))) continue
    const sum = (
      of: readonly { readonly name: string; readonly ms: number }[],
      names: readonly string[],
    ): number => of.filter((part) => names.includes(part.name)).reduce((total, { ms }) => total + ms, 0)
    const foreseen = prediction.downtime.parts.map((part) => ({ name: part.name, ms: part.value }))
    parts[name] = compare(sum(foreseen, predicted), sum(actualParts, actual))
  }
  return {
    bytes: compare(prediction.bytes, fact.bytes),
    totalMs: compare(prediction.totalMs, fact.totalMs),
    downtimeMs: compare(prediction.downtime.ms, fact.downtimeMs),
    parts,
  }
}

function compare(predicted: number, actual: number): Comparison {
  return {
    predicted,
    actual,
    error: predicted === actual ? 0 : (predicted - actual) / Math.max(actual, 1e-9),
  }
}
