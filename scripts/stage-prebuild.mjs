// SPDX-License-Identifier: MIT
// Puts the addon built here where the tarball carries it: prebuilds/<platform>-<arch>-<libc>/vfio_migration.node.
// Binaries of other machines lie beside it under their own names. It needs Node-API 9 only, so one file serves every Node.
import { copyFileSync, existsSync, mkdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const built = join(root, 'build', 'Release', 'vfio_migration.node')

if (existsSync(built)) {
  const libc = process.report.getReport().header.glibcVersionRuntime ? 'glibc' : 'musl'
  const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}-${libc}`)
  mkdirSync(folder, { recursive: true })
  copyFileSync(built, join(folder, 'vfio_migration.node'))
} else if (process.platform === 'linux') {
  console.error(
    'vfio-migration: build/Release/vfio_migration.node is missing; run `npm run build:native` first',
  )
  process.exit(1)
}
