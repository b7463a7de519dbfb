#!/usr/bin/env node
// SPDX-License-Identifier: MIT
import { packageVersion } from '../package-version.js'

const words = process.argv.slice(2)

// The reader of a pipe may leave early (vfio-migrate list | head -1): nothing to report.
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code !== 'EPIPE') throw error
})

if (words.length === 1 && (words[0] === '--version' || words[0] === '-V')) {
  process.stdout.write(`${packageVersion()}\n`)
} else {
  const { runProgram } = await import('./command-line.js')
  await runProgram(words)
}
