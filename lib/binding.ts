// SPDX-License-Identifier: MIT
// The only file that loads the addon.
import { existsSync } from 'node:fs'
import { resolve } from 'node:path'
import { type AddonAttempt, AddonNotFoundError, UnsupportedPlatformError } from './errors/addon-error.js'
import type { NativeBinding } from './native-binding.js'
import { packageRoot } from './package-root.js'

/** Where the addon may lie, in the order tried. `VFIO_MIGRATION_ADDON` names one file and rules the others out. */
export function addonPaths(environment: NodeJS.ProcessEnv = process.env): string[] {
  const chosen = environment.VFIO_MIGRATION_ADDON
  if (chosen) return [resolve(chosen)]
  const root = packageRoot()
  const prebuilt = `${root}prebuilds/${process.platform}-${process.arch}`
  return [
    `${root}build/Release/vfio_migration.node`,
    `${root}build/Debug/vfio_migration.node`,
    `${prebuilt}-glibc/vfio_migration.node`,
    `${prebuilt}-musl/vfio_migration.node`,
  ]
}

/**
 * Loads the addon from the first path that works.
 * @throws {AddonNotFoundError} `ERR_VFIO_ADDON_NOT_FOUND`, with every path tried and why it was not taken
 */
export function loadAddon(paths: readonly string[]): NativeBinding {
  const attempts: AddonAttempt[] = []
  let forbidden = false
  for (const path of paths) {
    if (!existsSync(path)) {
      attempts.push({ path, reason: 'no such file' })
      continue
    }
    try {
      // Not require(): with it comes a loader of modules, and a search for what is not looked for.
      const module = { exports: {} }
      process.dlopen(module, path)
      return module.exports as NativeBinding
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException
      forbidden ||= code === 'ERR_DLOPEN_DISABLED'
      attempts.push({ path, reason: `${code ?? 'Error'}: ${message}` })
    }
  }
  throw new AddonNotFoundError(attempts, solutions(forbidden))
}

function solutions(forbidden: boolean): string[] {
  if (forbidden)
    return [
      'this process may not load addons: start it without --no-addons, and under --permission with --allow-addons',
    ]
  return [
    'in a checkout: npm run build:native',
    `elsewhere: node ${packageRoot()}scripts/build-native.mjs (needs a C++17 compiler, make, python3 and node-gyp)`,
    'if the file exists but was built for another architecture or C library: rm -rf build, then build it again',
    'to use an addon that lies somewhere else: VFIO_MIGRATION_ADDON=/path/to/vfio_migration.node',
  ]
}

let loaded: NativeBinding | undefined

/**
 * The addon, loaded on first use and kept.
 * @throws {UnsupportedPlatformError} `ERR_VFIO_UNSUPPORTED_PLATFORM` off Linux
 * @throws {AddonNotFoundError} `ERR_VFIO_ADDON_NOT_FOUND`
 */
export function binding(): NativeBinding {
  if (loaded === undefined) {
    if (process.platform !== 'linux') throw new UnsupportedPlatformError(process.platform)
    loaded = loadAddon(addonPaths())
  }
  return loaded
}
