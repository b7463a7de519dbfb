// SPDX-License-Identifier: MIT
import { deviceScenarios } from './device-scenarios.js'
import { failureMatrix } from './matrix.js'
import { record } from './recording.js'
import { plain } from './subject.js'

failureMatrix(
  'plain.test.ts',
  'every failure of the devices of a migration is survived',
  plain.map((subject) => ({
    name: subject.name,
    scenarios: async () => deviceScenarios(subject, await record(subject)).map((scenario) => ({ scenario })),
  })),
)
