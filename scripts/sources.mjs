// SPDX-License-Identifier: MIT
// The one list of native sources: prints every .cc file below the directories given, sorted, one a line, relative to
// the package. binding.gyp and CMakeLists.txt both read it, so that a new file needs no entry anywhere.
import { readdirSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')

export function sources(...folders) {
  return folders
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && entry.name.endsWith('.cc'))
        .map((entry) => relative(root, join(entry.parentPath ?? entry.path, entry.name))),
    )
    .sort()
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of sources(...process.argv.slice(2))) console.log(file)
}
