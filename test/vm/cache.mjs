// SPDX-License-Identifier: MIT
// Where built kernels and modules are kept, outside the checkout: built once under a lock, beside the final name, and renamed.
import { spawn } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'

/** VFIO_MIGRATION_CACHE, else vfio-migration in the user's cache directory. */
export function cacheRoot() {
  const { VFIO_MIGRATION_CACHE: own, XDG_CACHE_HOME: xdg } = process.env
  return resolve(own || join(xdg || join(homedir(), '.cache'), 'vfio-migration'))
}

/**
 * The directory `name` in the cache, made by `build(directory)` unless it is there already. `build` gets an empty directory with
 * another name, which becomes `name` only when it has succeeded.
 */
export async function buildOnce(name, build) {
  const root = cacheRoot()
  const final = join(root, name)
  if (existsSync(final)) return final
  mkdirSync(root, { recursive: true })
  const release = await lock(join(root, `${name}.lock`))
  try {
    if (existsSync(final)) return final
    // Left by builders that were killed. A name of our own keeps whatever such a builder left running out of this build.
    for (const entry of readdirSync(root)) {
      if (entry.startsWith(`${name}.partial-`)) rmSync(join(root, entry), { recursive: true, force: true })
    }
    const partial = `${final}.partial-${process.pid}`
    mkdirSync(partial)
    await build(partial)
    renameSync(partial, final)
    return final
  } finally {
    await release()
  }
}

// flock(1) holds the lock, so that it goes when its holder does, however that ends: our death closes the pipe that `cat` reads.
async function lock(path) {
  const holder = spawn('flock', ['--exclusive', path, 'sh', '-c', 'echo locked; exec cat >/dev/null'], {
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  const ended = new Promise((done) => holder.once('close', done))
  await new Promise((done, fail) => {
    holder.once('error', fail)
    holder.once('close', (code) => fail(new Error(`flock ended with ${code}`)))
    holder.stdout.once('data', done)
  })
  return async () => {
    holder.stdin.end()
    await ended
  }
}
