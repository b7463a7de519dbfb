// SPDX-License-Identifier: MIT
// The test kernel: Debian's linux-source-6.12 with kernel.config, built once and cached.
// As a program: node kernel.mjs [--uapi | --kdir | --image | --vmlinux | --key], which prints a path (after building, if need be) or the key.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { closeSync, existsSync, openSync, readFileSync, renameSync, statSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildOnce, cacheRoot } from './cache.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const sourcePackage = 'linux-source-6.12'
/** The kernel's source, as Debian packs it. */
export const sourceTarball = `/usr/src/${sourcePackage}.tar.xz`

/** The name of the cached kernel: the version of its source, and a hash of its configuration and of how it is built. */
export function kernelKey() {
  const hash = createHash('sha256')
  for (const file of ['kernel.config', 'build-kernel.sh']) hash.update(readFileSync(here(file)))
  return `${sourceVersion()}-${hash.digest('hex').slice(0, 12)}`
}

function sourceVersion() {
  try {
    if (!existsSync(sourceTarball)) throw new Error(`${sourceTarball} is missing`)
    // biome-ignore lint/suspicious/noTemplateCurlyInString: dpkg-query's own placeholder
    const version = execFileSync('dpkg-query', ['-W', '-f', '${Version}', sourcePackage], {
      encoding: 'utf8',
    })
    return version.replaceAll(/[^\w.+~-]/g, '_')
  } catch (cause) {
    throw new Error(`no kernel source: run ${here('install-packages.sh')}`, { cause })
  }
}

/** Builds the kernel unless it is cached: { key, directory, release, image, vmlinux, kdir, uapi, modules: the .ko files to load, in order }. */
export async function ownKernel(log = () => {}) {
  const key = kernelKey()
  const directory = await buildOnce(`kernel-${key}`, (partial) => build(key, partial, log))
  const release = readFileSync(join(directory, 'release'), 'utf8').trim()
  return {
    key,
    directory,
    release,
    image: join(directory, 'bzImage'),
    vmlinux: join(directory, 'vmlinux'),
    kdir: join(directory, 'build'),
    uapi: join(directory, 'uapi'),
    modules: ['mdev.ko', 'mtty.ko'].map((file) => join(directory, 'modules', file)),
  }
}

async function build(key, directory, log) {
  const logFile = join(cacheRoot(), `kernel-${key}.log`)
  const started = Date.now()
  log(`building kernel ${key} (some ten minutes on two cores, once); log: ${logFile}`)
  const fd = openSync(logFile, 'w')
  const args = [
    here('build-kernel.sh'),
    sourceTarball,
    here('kernel.config'),
    directory,
    `${availableParallelism()}`,
  ]
  const child = spawn('sh', args, { stdio: ['ignore', fd, fd], detached: true })
  closeSync(fd)
  // The compilers must not go on without us.
  const stop = () => {
    process.kill(-child.pid, 'SIGTERM')
    process.exit(1)
  }
  const signals = ['SIGINT', 'SIGTERM', 'SIGHUP']
  for (const signal of signals) process.once(signal, stop)
  const code = await new Promise((done, fail) => {
    child.once('error', fail)
    child.once('close', done)
  })
  for (const signal of signals) process.off(signal, stop)
  if (code !== 0) {
    const tail = readFileSync(logFile, 'utf8').trimEnd().split('\n').slice(-30).join('\n')
    throw new Error(`the kernel build failed (${code}); the end of ${logFile}:\n${tail}`)
  }
  renameSync(logFile, join(directory, 'build.log'))
  const size = Math.round(statSync(join(directory, 'bzImage')).size / 1024)
  log(`built in ${Math.round((Date.now() - started) / 1000)} s: bzImage of ${size} KiB`)
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [what = '--image', ...rest] = process.argv.slice(2)
  if (rest.length > 0 || !['--uapi', '--kdir', '--image', '--vmlinux', '--key'].includes(what)) {
    console.error('usage: node kernel.mjs [--uapi | --kdir | --image | --vmlinux | --key]')
    process.exit(2)
  }
  try {
    console.log(what === '--key' ? kernelKey() : (await ownKernel(console.error))[what.slice(2)])
  } catch (error) {
    console.error(error.message)
    process.exitCode = 1
  }
}
