// SPDX-License-Identifier: MIT
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** An empty file to write to, which `cleanup` gets rid of. */
export async function temporaryFile(cleanup: (() => unknown)[]): Promise<{ fd: number; path: string }> {
  const folder = await mkdtemp(join(tmpdir(), 'vfio-migration-'))
  const path = join(folder, 'file')
  const file: FileHandle = await open(path, 'w', 0o600)
  cleanup.push(async () => {
    await file.close()
    await rm(folder, { recursive: true })
  })
  return { fd: file.fd, path }
}
