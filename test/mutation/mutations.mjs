// SPDX-License-Identifier: MIT
// Faults that the tests must catch: each is put into a copy of the product, and the tests named must then fail.
//   node test/mutation/mutations.mjs [NAME...]       (npm run test:mutations)
import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..')

/** `find` must stand in `file` exactly once. `native` mutants are built, the others run from their sources. */
const mutations = [
  {
    name: 'arc-table',
    what: 'running -> stop-copy goes through stop instead of running-p2p',
    file: 'lib/migration/v2/arcs.ts',
    find: "    'pre-copy-p2p': 'running-p2p',\n    'stop-copy': 'running-p2p',\n    resuming: 'running-p2p',\n    'running-p2p': 'running-p2p',\n  },\n  'pre-copy': {",
    replace:
      "    'pre-copy-p2p': 'running-p2p',\n    'stop-copy': 'stop',\n    resuming: 'running-p2p',\n    'running-p2p': 'running-p2p',\n  },\n  'pre-copy': {",
    tests: ['test/unit/migration/v2-arcs.test.ts'],
  },
  {
    name: 'chunk-order',
    what: 'v1 reads data_size before data_offset',
    file: 'native/core/v1/save_rounds.cc',
    find: '  auto offset = registers_.dataOffset();\n  if (!offset) return std::move(offset).failure();\n  auto size = registers_.dataSize();\n  if (!size) return std::move(size).failure();',
    replace:
      '  auto size = registers_.dataSize();\n  if (!size) return std::move(size).failure();\n  auto offset = registers_.dataOffset();\n  if (!offset) return std::move(offset).failure();',
    native: true,
    tests: ['test/contract/simulated.test.ts'],
  },
  {
    name: 'reserved-bits',
    what: 'a v1 state change clears bits 3-31',
    file: 'lib/migration/v1/state.ts',
    find: 'return (reservedBitsOf(raw) | bitsByState[state]) >>> 0',
    replace: 'return (0 * raw) | bitsByState[state]',
    tests: ['test/unit/migration/v1-state.test.ts', 'test/contract/simulated.test.ts'],
  },
  {
    name: 'drained-convention',
    what: 'a read of 0 in PRE_COPY is taken for the end of the data',
    file: 'native/core/device/stream_end.h',
    find: '  if (preCopy) return ReadOutcome{Progress::kDrained, 0};',
    replace: '  if (preCopy) return ReadOutcome{first.ok() ? Progress::kEnd : Progress::kDrained, 0};',
    native: true,
    tests: ['test/contract/simulated.test.ts'],
  },
  {
    name: 'corrupted-frame',
    what: "the reader does not compare a frame's payload with its CRC",
    file: 'native/core/stream/frame_reader.cc',
    find: '  if (crc_ != current_.crc) {',
    replace: '  if (false) {',
    native: true,
    tests: ['test/unit/stream'],
  },
]

function sh(command, cwd) {
  return spawnSync('bash', ['-c', command], { cwd, encoding: 'utf8' })
}

const wanted = process.argv.slice(2)
const chosen = mutations.filter(({ name }) => wanted.length === 0 || wanted.includes(name))
if (chosen.length === 0) {
  console.error(`there are: ${mutations.map(({ name }) => name).join(', ')}`)
  process.exit(2)
}

const copy = mkdtempSync(join(tmpdir(), 'vfio-migration-mutant-'))
let survivors = 0
try {
  for (const folder of ['native', 'lib', 'test', 'scripts', 'build', 'docs', 'examples']) {
    cpSync(join(root, folder), join(copy, folder), { recursive: true, verbatimSymlinks: true })
  }
  const files = ['package.json', 'tsconfig.json', 'tsconfig.build.json', 'vitest.config.ts', 'binding.gyp']
  for (const file of files) cpSync(join(root, file), join(copy, file))
  symlinkSync(join(root, 'node_modules'), join(copy, 'node_modules'))

  for (const { name, what, file, find, replace, native, tests } of chosen) {
    const path = join(copy, file)
    const original = readFileSync(path, 'utf8')
    if (original.split(find).length !== 2)
      throw new Error(`${name}: the place in ${file} has changed; mend this list`)
    writeFileSync(
      path,
      original.replace(find, () => replace),
    )
    if (native) {
      const built = sh('node scripts/build-native.mjs', copy)
      if (built.status !== 0) throw new Error(`${name}: the mutant does not build\n${built.stderr}`)
    }
    const run = sh(`npx vitest run --project unit ${tests.join(' ')}`, copy)
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours of a terminal are control characters
    const failed = /Tests.*?(\d+) failed/.exec(run.stdout.replace(/\u001b\[\d+m/g, ''))?.[1]
    if (failed === undefined) survivors++
    console.log(
      `${failed === undefined ? 'SURVIVED' : 'caught  '}  ${name}: ${what} (${failed ?? 'no'} tests failed)`,
    )
    writeFileSync(path, original)
  }
} finally {
  rmSync(copy, { recursive: true, force: true })
}
process.exit(survivors === 0 ? 0 : 1)
