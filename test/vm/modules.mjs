// SPDX-License-Identifier: MIT
// Out-of-tree kernel modules, built against a kernel's tree into the cache, keyed by kernel and sources. The checkout stays clean.
import { execFile } from 'node:child_process'
import { createHash } from 'node:crypto'
import { copyFileSync, existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { buildOnce } from './cache.mjs'

const run = promisify(execFile)

/** The project's own module lives here (and is left out of a run if it does not). */
export const ownModuleDirectory = fileURLToPath(new URL('../kernel-module', import.meta.url))

/** Whether `directory` holds a module: a kbuild Makefile. */
export const isModule = (directory) => existsSync(join(directory, 'Makefile'))

/** Builds the module in `directory` (one flat directory with a kbuild Makefile) for `kernel`; its .ko files, as paths. */
export async function buildModule(directory, kernel, log = () => {}) {
  const files = readdirSync(directory).filter(
    (name) => name === 'Makefile' || name === 'Kbuild' || /\.[chS]$/.test(name),
  )
  const hash = createHash('sha256').update(kernel.key)
  for (const name of files.sort()) hash.update(`\0${name}\0`).update(readFileSync(join(directory, name)))
  const name = `module-${basename(directory)}-${hash.digest('hex').slice(0, 16)}`
  const built = await buildOnce(name, async (partial) => {
    log(`building ${basename(directory)} for ${kernel.release}`)
    for (const file of files) copyFileSync(join(directory, file), join(partial, file))
    const env = { ...process.env, MAKEFLAGS: '', LC_ALL: 'C' }
    try {
      await run('make', ['-s', '-C', kernel.kdir, `M=${partial}`, 'modules'], { env, maxBuffer: 1 << 26 })
    } catch (error) {
      throw new Error(`${directory} does not build:\n${error.stdout}${error.stderr}`)
    }
  })
  return readdirSync(built)
    .filter((file) => file.endsWith('.ko'))
    .map((file) => join(built, file))
}
