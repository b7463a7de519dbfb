// SPDX-License-Identifier: MIT
import { readFileSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { addonPaths, binding, loadAddon } from '../../lib/binding.js'
import { AddonNotFoundError } from '../../lib/errors/addon-error.js'

describe('the addon', () => {
  let folder: string
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'vfio-migration-'))
  })
  afterEach(async () => {
    vi.unstubAllGlobals()
    await rm(folder, { recursive: true })
  })

  it('was built from this version of the package', () => {
    const { version } = JSON.parse(readFileSync(new URL('../../package.json', import.meta.url), 'utf8')) as {
      version: string
    }
    expect(binding().version).toBe(version)
  })

  it('that is nowhere is reported with every path tried', () => {
    const broken = join(folder, 'broken.node')
    writeFileSync(broken, 'not an ELF file')
    const missing = join(folder, 'missing.node')
    const attempt = (): unknown => loadAddon([missing, broken])
    expect(attempt).toThrow(AddonNotFoundError)
    expect(attempt).toThrow(
      expect.objectContaining({
        code: 'ERR_VFIO_ADDON_NOT_FOUND',
        attempts: [
          { path: missing, reason: 'no such file' },
          { path: broken, reason: expect.stringContaining('ERR_DLOPEN_FAILED') },
        ],
      }),
    )
  })

  it('is taken from where VFIO_MIGRATION_ADDON says, and nowhere else', () => {
    expect(addonPaths({ VFIO_MIGRATION_ADDON: '/opt/vfio.node' })).toEqual(['/opt/vfio.node'])
    expect(addonPaths({})[0]).toMatch(/build\/Release\/vfio_migration\.node$/)
  })

  it('does not exist off Linux, which the first use says and the import does not', async () => {
    vi.resetModules()
    vi.stubGlobal('process', Object.create(process, { platform: { value: 'darwin' } }))
    const module = await import('../../lib/binding.js')
    expect(() => module.binding()).toThrow(expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED_PLATFORM' }))
  })
})
