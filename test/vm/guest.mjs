// SPDX-License-Identifier: MIT
// What the guest gets in its initramfs: its scripts, and what they are told about this run.
import { existsSync, readFileSync, realpathSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

const passed = /^(PATH|HOME|LANG|LC_\w+|CI|FORCE_COLOR|NO_COLOR|TZ|NODE_\w+|UV_\w+|VITEST_\w+|VFIO_\w+)$/
// How many seconds before the machine is killed its threads are looked at: it takes a while to say where hundreds stand.
const lookBefore = 20
const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const quote = (text) => `'${`${text}`.replaceAll("'", `'\\''`)}'`

/** The entries of the initramfs, for cpio(). */
export function guestFiles({ options, kernel, modules, token, checkout }) {
  const busybox = ['/bin/busybox', '/usr/bin/busybox'].find(existsSync)
  if (!busybox) throw new Error(`no busybox: run ${here('install-packages.sh')}`)
  const directory = realpathSync(process.cwd())
  const variables = new Map(Object.entries(process.env).filter(([name]) => passed.test(name)))
  variables.set('VFIO_TEST_VM', '1')
  variables.set('VFIO_TEST_KERNEL', options.kernel)
  variables.set('VFIO_TEST_MODULES', modules.join(':'))
  for (const [name, value] of options.env) variables.set(name, value)
  const environment = [...variables].map(([name, value]) => `export ${name}=${quote(value)}\n`).join('')
  const early = kernel.earlyModules ?? []
  // node_modules may be a link to somewhere else.
  const linked = [join(checkout, 'node_modules')].filter(existsSync).map((path) => realpathSync(path))

  const text = (path, data, mode = 0o644) => ({ path, data, mode })
  const script = (path, file) => text(path, readFileSync(here(file)), 0o755)
  return [
    ...['bin', 'dev', 'proc', 'sys', 'host', 'upper', 'root', 'kept', 'vm'].map((path) => ({
      path,
      directory: true,
    })),
    { path: 'dev/console', device: [5, 1] },
    text('bin/busybox', readFileSync(busybox), 0o755),
    script('init', 'init.sh'),
    script('vm/guest.sh', 'guest.sh'),
    script('vm/devices.sh', 'devices.sh'),
    script('vm/threads.sh', 'threads.sh'),
    ...early.map((path) => text(`vm/${basename(path)}`, readFileSync(path))),
    text('vm/early-modules', early.map((path) => `${basename(path)}\n`).join('')),
    text(
      'vm/keep',
      shadowed([checkout, directory, ...linked, ...modules.map(dirname)])
        .map((path) => `${path}\n`)
        .join(''),
    ),
    text('vm/writable', options.writable.map((path, n) => `writable${n} ${path}\n`).join('')),
    text(
      'vm/settings',
      [
        `token=${token}`,
        `modules=${quote(modules.join(' '))}`,
        `shell=${options.shell ? 1 : ''}`,
        `directory=${quote(directory)}`,
        `look_after=${Math.max(0, Math.floor(options.timeout - lookBefore))}`,
        '',
      ].join('\n'),
    ),
    text('vm/environment', environment),
    text(
      'vm/command',
      `cd ${quote(directory)} || exit 125\n. /run/vfio-vm/environment\nexec ${options.command.map(quote).join(' ')}\n`,
    ),
  ]
}

// The paths that the guest's own /tmp and /run would hide, without those inside another.
function shadowed(paths) {
  const hidden = [...new Set(paths)].filter((path) => /^\/(tmp|run)\/./.test(path)).sort()
  return hidden.filter((path) => !hidden.some((other) => path !== other && path.startsWith(`${other}/`)))
}
