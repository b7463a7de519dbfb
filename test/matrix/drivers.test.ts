// SPDX-License-Identifier: MIT
import { personalityNames } from '../../lib/simulated/index.js'
import { deviceScenarios } from './device-scenarios.js'
import { failureMatrix } from './matrix.js'
import { record } from './recording.js'
import { likeDriver } from './subject.js'

failureMatrix(
  'drivers.test.ts',
  'every failure of devices that behave like those of a driver is survived',
  personalityNames.map(likeDriver).map((subject) => ({
    name: subject.name,
    scenarios: async () => deviceScenarios(subject, await record(subject)).map((scenario) => ({ scenario })),
  })),
)
