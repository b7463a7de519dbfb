// SPDX-License-Identifier: MIT
// The runner's command line.
import { realpathSync } from 'node:fs'

export const usage = `usage: node test/vm/run.mjs [options] -- command [argument...]
Runs the command in a virtual machine with a VFIO kernel and the host's files; its exit code is the command's.
  --timeout SECONDS   kill the machine after that (default 900): exit code 124
  --kernel own|stock  the project's kernel (default), or Debian's stock 6.12 (no iommufd, no cdev)
  --memory SIZE       of the guest (default 2G)
  --processors N      of the guest (default 2)
  --env NAME[=VALUE]  pass a variable (those named VFIO_*, VITEST_*, NODE_*, LC_* and a few more pass anyway)
  --writable DIR      an existing directory in which the guest writes to the host's disk (everything else it writes is gone)
  --append WORDS      more of the kernel's command line
  --console FILE      keep the console's output there
  --shell             no command: a shell on the guest's console (leave it with exit; ctrl-a x kills)
  --gdb               QEMU's gdb server on port 1234
  --verbose           the console on stderr, live
VFIO_TEST_ACCEL=kvm uses the processor's virtualization (default tcg, which works everywhere).
Exit codes of its own: 122 the kernel complained (oops, warning), 124 time-out, 125 the machine failed or did not start.`

/** Parses `argv`; throws an Error with a message for the user. */
export function parseOptions(argv) {
  const options = {
    timeout: 900,
    kernel: 'own',
    memory: '2G',
    processors: 2,
    env: new Map(),
    writable: [],
    append: '',
    console: undefined,
    shell: false,
    gdb: false,
    verbose: false,
    help: false,
    command: [],
  }
  const words = [...argv]
  while (words.length > 0) {
    const word = words.shift()
    if (word === '--') {
      options.command = words.splice(0)
      break
    }
    const flag = /^--(shell|gdb|verbose|help)$/.exec(word)?.[1]
    if (flag) {
      options[flag] = true
      continue
    }
    const name = /^--(timeout|kernel|memory|processors|env|writable|append|console)$/.exec(word)?.[1]
    if (!name) throw new Error(`unknown option ${word} (the command goes after --)`)
    const value = words.shift()
    if (value === undefined) throw new Error(`${word} wants a value`)
    readers[name](options, value)
  }
  if (!options.help && options.shell === options.command.length > 0) {
    throw new Error(options.shell ? '--shell runs no command' : 'no command')
  }
  return options
}

const positive = (name) => (options, value) => {
  const number = Number(value)
  if (!(number > 0 && number < 1e6)) throw new Error(`--${name} wants a positive number, not ${value}`)
  options[name] = number
}

const readers = {
  timeout: positive('timeout'),
  processors: positive('processors'),
  kernel(options, value) {
    if (value !== 'own' && value !== 'stock') throw new Error(`--kernel is own or stock, not ${value}`)
    options.kernel = value
  },
  memory(options, value) {
    if (!/^\d+[MG]$/.test(value)) throw new Error(`--memory wants a size such as 2G, not ${value}`)
    options.memory = value
  },
  env(options, value) {
    const at = value.indexOf('=')
    const name = at < 0 ? value : value.slice(0, at)
    if (!/^[A-Za-z_]\w*$/.test(name)) throw new Error(`--env wants NAME or NAME=VALUE, not ${value}`)
    const setting = at < 0 ? process.env[name] : value.slice(at + 1)
    if (setting !== undefined) options.env.set(name, setting)
  },
  writable(options, value) {
    options.writable.push(realpathSync(value))
  },
  append(options, value) {
    options.append = value
  },
  console(options, value) {
    options.console = value
  },
}
