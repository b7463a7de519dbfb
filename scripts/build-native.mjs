// SPDX-License-Identifier: MIT
// Builds the addon (build/Release/vfio_migration.node) with node-gyp. Configuring every time is what makes a source file
// that came or went noticed; make then rebuilds only what changed. Extra arguments go to node-gyp: --debug,
// --sanitize=address,undefined, --coverage=1.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = resolve(dirname(fileURLToPath(import.meta.url)), '..')
const prefix = resolve(dirname(process.execPath), '..')

function findNodeGyp() {
  const require = createRequire(import.meta.url)
  try {
    return require.resolve('node-gyp/bin/node-gyp.js')
  } catch {
    // A consumer has no development dependencies, but npm carries a node-gyp of its own.
    const bundled = join('node_modules', 'node-gyp', 'bin', 'node-gyp.js')
    const candidates = [
      process.env.npm_execpath && join(dirname(process.env.npm_execpath), '..', bundled),
      join(prefix, 'lib', 'node_modules', 'npm', bundled),
      join(prefix, 'share', 'nodejs', 'npm', bundled),
    ]
    return candidates.find((path) => path && existsSync(path)) ?? null
  }
}

function fail(what, ...waysOut) {
  console.error(`\nvfio-migration: ${what}\n\nPossible solutions:`)
  for (const way of waysOut) console.error(`  - ${way}`)
  process.exit(1)
}

if (process.platform !== 'linux') {
  console.log(`vfio-migration: VFIO is part of Linux; nothing native to build on ${process.platform}.`)
  process.exit(0)
}

const nodeGyp = findNodeGyp()
if (!nodeGyp) {
  fail(
    'node-gyp was not found.',
    'in a checkout: npm ci',
    'elsewhere: npm install --save-dev node-gyp, then run this script again',
  )
}

// Headers that came with the running node match it and need no network. A distribution may keep them in a package of
// their own; then whatever npm was told (npm_config_nodedir), and last node-gyp's download.
const headers = existsSync(join(prefix, 'include', 'node', 'node_api.h'))
const nodedir = headers ? prefix : process.env.npm_config_nodedir
const args = [nodeGyp, 'configure', 'build', '--jobs', 'max', '--loglevel', 'warn']
if (nodedir) args.push(`--nodedir=${nodedir}`)
args.push(...process.argv.slice(2).map((argument) => argument.replace(/^--(sanitize|coverage)=/, '-D$1=')))

const environment = { ...process.env }
delete environment.npm_config_nodedir
const built = spawnSync(process.execPath, args, { cwd: root, stdio: 'inherit', env: environment })

if (built.error)
  fail(`node-gyp could not be started: ${built.error.message}`, 'check the file permissions of the checkout')
if (built.status !== 0) {
  fail(
    `the addon could not be built (node ${process.version}, headers ${nodedir ?? 'downloaded by node-gyp'}).`,
    'the messages above name the first error: a missing compiler or make is the commonest cause',
    'Debian, Ubuntu: apt-get install g++ make python3',
    'Fedora, RHEL: dnf install gcc-c++ make python3',
    'no network: install the headers of this node (libnode-dev, nodejs-devel), or set npm_config_nodedir to their prefix',
    'a build of another Node or compiler may be in the way: rm -rf build',
  )
}
