#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// All tests that need a real VFIO kernel: node test/vm/suite.mjs [words for vitest]. Boots the machine once with its IOMMU, as the doctor of
// the package would have it booted, and once without; what is not about the IOMMU runs in the first.
import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const runner = fileURLToPath(new URL('run.mjs', import.meta.url))
const boots = [
  { project: 'kernel', append: 'intel_iommu=on' },
  { project: 'kernel-no-iommu', append: 'intel_iommu=off' },
]

// What test/coverage/recorder.ts notes must outlive the machine.
const coverage = process.env.VFIO_COVERAGE_DIR
if (coverage) mkdirSync(coverage, { recursive: true })

for (const { project, append } of boots) {
  const vitest = ['node_modules/vitest/vitest.mjs', 'run', '--project', project, ...process.argv.slice(2)]
  const noted = coverage ? ['--env', 'VFIO_COVERAGE_DIR', '--writable', coverage] : []
  const words = [runner, '--timeout', '1800', '--append', append, ...noted, '--', 'node', ...vitest]
  const { status, signal } = spawnSync(process.execPath, words, { stdio: 'inherit' })
  if (status !== 0) {
    process.stderr.write(`suite: ${project} failed (${signal ?? `exit code ${status}`})\n`)
    process.exitCode ||= status ?? 1
  }
}
