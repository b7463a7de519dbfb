#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// dist/: declarations from the TypeScript compiler, and JavaScript from esbuild, one file for each that package.json exports and what
// they share in chunks. Hundreds of small modules cost an importer a tenth of a second.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports, bin } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** What a user imports or starts, as sources. */
const entryPoints = [...Object.values(exports).map((target) => target.default ?? target), ...Object.values(bin)]
  .filter((path) => path.endsWith('.js'))
  .map((path) => path.replace(/^(\.\/)?dist\//, `${root}lib/`).replace(/\.js$/, '.ts'))

rmSync(`${root}dist`, { recursive: true, force: true }) // the names of chunks change with their content
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const { status } = spawnSync(process.execPath, [compiler, '-p', `${root}tsconfig.build.json`], { stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)

await build({
  entryPoints,
  outbase: `${root}lib`,
  outdir: `${root}dist`,
  // Beside the entry of the package, not below it: native paths are looked for from there.
  chunkNames: 'chunk-[hash]',
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node20.19',
  packages: 'external',
  sourcemap: true,
  sourcesContent: false,
  legalComments: 'none',
  logLevel: 'warning',
})
