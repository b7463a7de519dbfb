// SPDX-License-Identifier: MIT
import { readFileSync } from 'node:fs'

/** The package's version. lib and dist are equally deep, so package.json is one up from either. */
export function packageVersion(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8')
  return (JSON.parse(text) as { version: string }).version
}
