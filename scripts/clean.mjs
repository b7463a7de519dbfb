// SPDX-License-Identifier: MIT
// Removes everything a build leaves in the checkout.
import { readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
for (const name of readdirSync(root)) {
  if (/^(build|build-.*|dist|coverage|prebuilds)$/.test(name)) rmSync(join(root, name), { recursive: true })
}
