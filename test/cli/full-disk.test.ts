// SPDX-License-Identifier: MIT
import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, expect } from 'vitest'
import { jsonOf, run } from '../support/command.js'
import { requires } from '../support/requirement.js'

const folder = mkdtempSync(join(tmpdir(), 'vfio-full-'))
const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', 'size=1m', 'none', folder], { stdio: 'pipe' })
const disk = requires(
  'a file system that can be filled',
  mounted.status === 0,
  `mount said: ${String(mounted.stderr ?? mounted.error).trim()}; run as root`,
)

afterAll(() => {
  if (disk.present) spawnSync('umount', [folder])
  rmSync(folder, { recursive: true })
})

disk.describe('a full disk', () => {
  disk.it('is a clean failure that leaves nothing behind, with the source running again', async () => {
    for (const protocol of ['v1', 'v2']) {
      const spec = `sim:${protocol},state=8MiB,seed=5`
      const done = await run(['save', spec, '-o', join(folder, 'device.vfm'), '--json'])
      expect(done.code).toBe(1)
      expect(jsonOf(done)).toMatchObject({
        ok: false,
        error: { code: 'ENOSPC' },
        source: { device: spec, state: 'running' },
      })
      expect(readdirSync(folder)).toEqual([])
    }
  })
})
