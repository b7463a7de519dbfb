// SPDX-License-Identifier: MIT
// Tests that need something a machine may lack: skipped with the reason printed, or failing where nothing may be skipped.
import { describe, it, type TestFunction } from 'vitest'
import { allRequired } from './require-all.js'

export interface Requirement {
  readonly present: boolean
  /** Like vitest's `describe`, for tests that need it. */
  describe(name: string, tests: () => void): void
  /** Like vitest's `it`, for a test that needs it. */
  it(name: string, test: TestFunction, timeout?: number): void
}

/**
 * @param name what is needed, as a noun: `a VFIO kernel`
 * @param present whether it is there
 * @param reason how that was found out, and how to get it: `no /dev/vfio/vfio; npm run test:kernel brings a kernel that has it`
 */
export function requires(name: string, present: boolean, reason: string): Requirement {
  if (present) {
    return {
      present,
      describe: (title, tests) => void describe(title, tests),
      it: (title, test, timeout) => void it(title, test, timeout),
    }
  }
  const missing = `needs ${name}: ${reason}`
  if (allRequired()) {
    const fail = (): never => {
      throw new Error(`${missing} (nothing may be skipped in this run)`)
    }
    return {
      present,
      describe: (title) => void describe(title, () => void it(`has what it needs`, fail)),
      it: (title) => void it(title, fail),
    }
  }
  const skip = (title: string): void => {
    console.warn(`skipped: ${title}: ${missing}`)
    it(`${title} [${missing}]`, (context) => context.skip(missing))
  }
  return { present, describe: skip, it: skip }
}
