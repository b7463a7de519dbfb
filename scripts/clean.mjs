// SPDX-License-Identifier: MIT
// Removes everything a build leaves in the checkout, or only the folders named: tsc never deletes what a renamed source left behind.
import { readdirSync, rmSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const chosen = process.argv.slice(2)
for (const name of readdirSync(root)) {
  const made = /^(build|build-.*|dist|coverage|prebuilds)$/.test(name)
  if (made && (chosen.length === 0 || chosen.includes(name))) rmSync(join(root, name), { recursive: true })
}
