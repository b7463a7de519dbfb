// SPDX-License-Identifier: MIT
// What is migrated in the failure matrix: one pair of simulated devices for each way in which they differ.
import type { PersonalityName, SimulatedOptions } from '../../lib/simulated/index.js'

const KIB = 1024

/** Small, so that thousands of migrations fit into a test run, and large enough for several reads. */
const STATE = 128 * KIB

export interface Subject {
  readonly name: string
  /** Of both devices; the source gets a seed too. */
  readonly options: SimulatedOptions
  readonly preCopy: boolean
}

/** By the uAPI's word, with everything that is optional. */
export const plain: readonly Subject[] = [
  { name: 'v2', options: { protocol: 'v2', state: STATE }, preCopy: true },
  // Runs and dirties its memory while it is saved.
  { name: 'v2 at work', options: { protocol: 'v2', state: STATE, dirtyRate: 4 * KIB * KIB }, preCopy: true },
  {
    name: 'v2 bare',
    options: {
      protocol: 'v2',
      state: STATE,
      preCopy: false,
      p2p: false,
      shortRead: 24 * KIB,
      shortWrite: 20 * KIB,
    },
    preCopy: false,
  },
  { name: 'v1', options: { protocol: 'v1', state: STATE, chunk: 64 * KIB }, preCopy: true },
  {
    name: 'v1 trapped',
    options: { protocol: 'v1', state: STATE, chunk: 64 * KIB, data: 'trapped' },
    preCopy: false,
  },
]

const speaksV1: ReadonlySet<PersonalityName> = new Set(['i915', 'libvfio-user'])

/** As that driver behaves. */
export function likeDriver(personality: PersonalityName): Subject {
  const v1 = speaksV1.has(personality)
  return {
    name: personality,
    options: { protocol: v1 ? 'v1' : 'v2', personality, state: STATE, ...(v1 ? { chunk: 64 * KIB } : {}) },
    preCopy: true,
  }
}
