#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// dist/: declarations from the TypeScript compiler, and JavaScript from esbuild, one file for each that package.json exports and what
// they share in chunks. Hundreds of small modules cost an importer a tenth of a second.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports, bin } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

const sources = (paths) =>
  paths
    .filter((path) => path.endsWith('.js'))
    .map((path) => path.replace(/^(\.\/)?dist\//, `${root}lib/`).replace(/\.js$/, '.ts'))

rmSync(`${root}dist`, { recursive: true, force: true }) // the names of chunks change with their content
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const { status } = spawnSync(process.execPath, [compiler, '-p', `${root}tsconfig.build.json`], {
  stdio: 'inherit',
})
if (status !== 0) process.exit(status ?? 1)

/** One build: its entries share what they have in common, which is once in a process. */
const bundle = (entryPoints, outbase, outdir) =>
  build({
    entryPoints,
    outbase,
    outdir,
    chunkNames: 'chunk-[hash]',
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20.19',
    // What is imported by almost every user is taken in, as far as it is used; the rest is the command's.
    external: ['commander', 'cli-table3'],
    // Readable: an uncaught error prints its line, and a stack trace its names.
    sourcemap: true,
    sourcesContent: false,
    legalComments: 'none',
    logLevel: 'warning',
  })

await bundle(
  sources(Object.values(exports).map((target) => target.default ?? target)),
  `${root}lib`,
  `${root}dist`,
)
// The command has a copy of its own: what it loads late would cut the library into many small files, each of which costs an importer.
await bundle(sources(Object.values(bin)), `${root}lib/cli`, `${root}dist/cli`)

const valibot = readFileSync(`${root}node_modules/valibot/LICENSE.md`, 'utf8')
writeFileSync(`${root}dist/THIRD-PARTY.txt`, `Parts of valibot are in these files:\n\n${valibot}`)
