// SPDX-License-Identifier: MIT
import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, it } from 'vitest'

const example = (name: string): string => fileURLToPath(new URL(`../../examples/${name}`, import.meta.url))
const node = (...words: string[]): Promise<{ stdout: string }> => promisify(execFile)(process.execPath, words)

it('the example of a migration works', async () => {
  const { stdout } = await node(example('migrate.mjs'), 'sim:v1,state=2MiB', 'sim:v1,state=2MiB')
  expect(stdout).toMatch(/^\d+ bytes by protocol v1, downtime [0-9.]+ ms\n/)
  expect(stdout).toContain('sim:v1,state=2MiB is in stop, sim:v1,state=2MiB is in running')
})

it('the example of a save and a load works', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'vfio-example-'))
  try {
    const specs = ['sim:v2,state=2MiB,seed=1', 'sim:v2,state=2MiB']
    const { stdout } = await node(example('save-load.mjs'), join(folder, 'device.vfm'), ...specs)
    expect(stdout).toMatch(
      /^saved \d+ bytes, the source is in stop\nintact: protocol v2, \d+ data frames\nloaded \d+ bytes, /,
    )
    expect(stdout).toContain('the destination is in running')
  } finally {
    rmSync(folder, { recursive: true })
  }
})
