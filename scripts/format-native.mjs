// SPDX-License-Identifier: MIT
// Runs clang-format over the C++ of the package (the kernel module has the kernel's style, not ours): formats, or with
// --check only says which files differ.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const files = ['native', 'test/native', 'bench/reference']
  .map((folder) => join(root, folder))
  .filter((folder) => existsSync(folder))
  .flatMap((folder) =>
    readdirSync(folder, { recursive: true })
      .filter((name) => /\.(h|cc)$/.test(name))
      .map((name) => join(folder, name)),
  )
  .sort()

const mode = process.argv.includes('--check') ? ['--dry-run', '-Werror'] : ['-i']
const program =
  process.env.CLANG_FORMAT ??
  (spawnSync('clang-format-14', ['--version']).error ? 'clang-format' : 'clang-format-14')
const run = spawnSync(program, [...mode, ...files], { stdio: 'inherit' })
if (run.error) {
  console.error(
    `${program} could not be started (${run.error.message}); Debian: apt-get install clang-format-14`,
  )
  process.exit(1)
}
console.log(`${program}: ${files.length} files`)
process.exit(run.status ?? 1)
