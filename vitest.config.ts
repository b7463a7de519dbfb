// SPDX-License-Identifier: MIT
import { defineConfig } from 'vitest/config'
import { allRequired } from './test/support/require-all.js'

// Forks, never threads: a crash in native code then takes one file down, not the run.
export default defineConfig({
  test: {
    pool: 'forks',
    setupFiles: ['./test/coverage/recorder.ts'],
    reporters: allRequired() ? ['default', './test/support/no-skips.ts'] : ['default'],
    coverage: { provider: 'v8', include: ['lib/**/*.ts'], reporter: ['text', 'json-summary'] },
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          include: ['test/**/*.test.ts'],
          exclude: ['test/kernel/**', 'test/kernel-no-iommu/**', 'node_modules/**'],
          testTimeout: 20_000,
          globalSetup: ['./test/matrix/summary.ts'],
        },
      },
      {
        extends: true,
        test: {
          // Real devices in a virtual machine, often without hardware acceleration: one file at a time, and patience.
          name: 'kernel',
          include: ['test/kernel/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
      {
        extends: true,
        test: {
          // The same machine, booted without its IOMMU.
          name: 'kernel-no-iommu',
          include: ['test/kernel-no-iommu/**/*.test.ts'],
          fileParallelism: false,
          testTimeout: 120_000,
          hookTimeout: 120_000,
        },
      },
    ],
  },
})
