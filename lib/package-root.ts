// SPDX-License-Identifier: MIT
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

let found: string | undefined

/**
 * The package's directory, ending in a slash: the nearest above this file that has a package.json. How deep this file lies differs between
 * lib and the bundles in dist.
 */
export function packageRoot(): string {
  if (found !== undefined) return found
  let folder = new URL('..', import.meta.url)
  while (!existsSync(new URL('package.json', folder)) && folder.pathname !== '/')
    folder = new URL('..', folder)
  found = fileURLToPath(folder)
  return found
}
