#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// dist/: declarations from the TypeScript compiler, and JavaScript from rolldown: one file for each that package.json exports, and what they
// share in chunks. Every file costs an importer half a millisecond, so that hundreds of small modules cost a tenth of a second: what the
// main entry needs at once is a single chunk.
import { spawnSync } from 'node:child_process'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { fileURLToPath } from 'node:url'
import { rolldown } from 'rolldown'

const root = fileURLToPath(new URL('..', import.meta.url))
const { exports, bin } = JSON.parse(readFileSync(`${root}package.json`, 'utf8'))

/** Sources by the names that they have in dist/, without the suffix. */
const entries = (paths) =>
  Object.fromEntries(
    paths
      .filter((path) => path.endsWith('.js'))
      .map((path) => path.replace(/^(\.\/)?dist\//, '').replace(/\.js$/, ''))
      .map((name) => [name, `${root}lib/${name}.ts`]),
  )

rmSync(`${root}dist`, { recursive: true, force: true }) // the names of chunks change with their content
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')
const { status } = spawnSync(process.execPath, [compiler, '-p', `${root}tsconfig.build.json`], {
  stdio: 'inherit',
})
if (status !== 0) process.exit(status ?? 1)

/** A chunk of all that is loaded whenever `entry` is. */
function chunkOf(entry) {
  let modules
  return {
    debugName: entry,
    name(module, build) {
      if (modules === undefined) {
        modules = new Set([entry])
        // A set's iteration comes by what is added meanwhile.
        for (const one of modules)
          for (const next of build.getModuleInfo(one)?.importedIds ?? []) modules.add(next)
      }
      return modules.has(module) || module === '\0rolldown/runtime.js' ? 'library' : null
    },
  }
}

/**
 * Node's own modules by `process.getBuiltinModule()` instead of by `import`: that makes a namespace of each, for which every export is
 * asked, and among those of node:fs are the streams. A line stays a line, for the map.
 */
const builtinsWithoutNamespaces = {
  name: 'builtins-without-namespaces',
  renderChunk: (code) => ({
    code: code.replace(
      /^import \{ ([^}]+) \} from "(node:[^"]+)";$/gm,
      (_, names, module) =>
        `const { ${names.replaceAll(' as ', ': ')} } = process.getBuiltinModule("${module}");`,
    ),
    map: null,
  }),
}

/** One build: its entries share what they have in common, which is once in a process. */
async function bundle(input, chunks, groups = []) {
  const build = await rolldown({
    input,
    platform: 'node',
    transform: { target: 'node20.19' },
    // What is imported by almost every user is taken in, as far as it is used; the rest is the command's.
    external: ['commander', 'cli-table3', /^node:/],
    treeshake: { moduleSideEffects: false },
    checks: { ineffectiveDynamicImport: false },
    plugins: [builtinsWithoutNamespaces],
  })
  await build.write({
    dir: `${root}dist`,
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: `${chunks}chunk-[hash].js`,
    comments: false,
    // Readable: an uncaught error prints its line, and a stack trace its names.
    minify: false,
    sourcemap: true,
    sourcemapExcludeSources: true,
    codeSplitting: { groups },
  })
  await build.close()
}

await bundle(entries(Object.values(exports).map((target) => target.default ?? target)), '', [
  chunkOf(`${root}lib/index.ts`),
])
// The command has a copy of its own: what it loads late would cut the library into many small files.
await bundle(entries(Object.values(bin)), 'cli/')

const valibot = readFileSync(`${root}node_modules/valibot/LICENSE.md`, 'utf8')
writeFileSync(`${root}dist/THIRD-PARTY.txt`, `Parts of valibot are in these files:\n\n${valibot}`)
