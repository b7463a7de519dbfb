// SPDX-License-Identifier: MIT
import { failureMatrix } from './matrix.js'
import { plain } from './subject.js'
import { byteScenarios, messageScenarios, strandedScenarios } from './wire-scenarios.js'

const subjects = plain.filter(({ name }) => ['v2 at work', 'v2 bare', 'v1'].includes(name))

failureMatrix(
  'wires.test.ts',
  'every loss between two engines is survived',
  subjects.flatMap((subject) => [
    { name: `messages, ${subject.name}`, scenarios: () => messageScenarios(subject) },
    { name: `the last copy, ${subject.name}`, scenarios: async () => strandedScenarios(subject) },
    { name: `bytes, ${subject.name}`, scenarios: () => byteScenarios(subject) },
  ]),
)
