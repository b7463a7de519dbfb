// SPDX-License-Identifier: MIT
import { endIdleEngines } from './killed-engine.js'
import { failureMatrix } from './matrix.js'
import { engineKills, holderKills } from './process-scenarios.js'
import { plain } from './subject.js'

// Each of them starts processes.
const atATime = 6

const subjects = plain.filter(({ name }) => ['v2 at work', 'v2 bare', 'v1'].includes(name))

failureMatrix('processes.test.ts', 'whoever is killed in a migration, what is left is as promised', [
  ...subjects.map((subject) => ({
    name: `engines, ${subject.name}`,
    scenarios: async () => engineKills(subject),
    end: endIdleEngines,
    atATime,
  })),
  ...subjects.map((subject) => ({
    name: `holders, ${subject.name}`,
    scenarios: async () => holderKills(subject),
    atATime,
  })),
])
