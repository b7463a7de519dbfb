// SPDX-License-Identifier: MIT
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { readVfToken, vfTokenVariable } from '../../../lib/cli/vf-token.js'

const token = 'bd8d9d2b-5a5f-4f5a-a211-f591514ba1f3'

describe('the VF token of a command', () => {
  let folder = ''
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vf-token-'))
  })
  afterEach(() => {
    rmSync(folder, { recursive: true })
    vi.unstubAllEnvs()
  })
  const file = (text: string, mode = 0o600): string => {
    const path = join(folder, 'token')
    writeFileSync(path, text)
    chmodSync(path, mode)
    return path
  }

  it('comes from a file, with or without a newline', async () => {
    const warned: string[] = []
    const read = (text: string) => readVfToken(file(text), 'vf', (warning) => warned.push(warning))
    expect(await read(`${token}\n`)).toBe(token)
    expect(await read(token.toUpperCase())).toBe(token)
    expect(warned).toEqual([])
  })

  it('is warned about where others can read it, without being shown', async () => {
    const warned: string[] = []
    expect(await readVfToken(file(token, 0o640), 'vf', (warning) => warned.push(warning))).toBe(token)
    expect(warned).toEqual([expect.stringContaining('chmod 600')])
    expect(warned.join()).not.toContain(token)
  })

  it('comes from the environment when no file is named', async () => {
    vi.stubEnv(vfTokenVariable, token)
    expect(await readVfToken(undefined, 'vf')).toBe(token)
    vi.stubEnv(vfTokenVariable, '')
    expect(await readVfToken(undefined, 'vf')).toBeUndefined()
  })

  it.each(['', 'not-a-uuid-but-still-secret', `${token}\n${token}`, 'x'.repeat(1000)])(
    'that is none is refused without being shown',
    async (text) => {
      const refused = await readVfToken(file(text), 'vf').catch((error: unknown) => error)
      expect(refused).toMatchObject({ code: 'ERR_VFIO_VF_TOKEN' })
      if (text !== '') expect(String(refused) + JSON.stringify(refused)).not.toContain(text.slice(0, 20))
    },
  )

  it('is not read from what is no file', async () => {
    await expect(readVfToken(folder, 'vf')).rejects.toThrow()
    await expect(readVfToken(join(folder, 'nothing'), 'vf')).rejects.toMatchObject({ code: 'ENOENT' })
  })
})
