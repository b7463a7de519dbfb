// SPDX-License-Identifier: MIT
import type { Reporter, TestModule } from 'vitest/node'

/** A reporter for runs where nothing may be skipped: whatever was skipped, by whichever means, fails the run. */
export default class NoSkips implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    for (const module of modules) {
      for (const test of module.children.allTests('skipped')) {
        console.error(`skipped, which this run does not allow: ${module.relativeModuleId} > ${test.fullName}`)
        process.exitCode = 1
      }
    }
  }
}
