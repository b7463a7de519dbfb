// SPDX-License-Identifier: MIT
// Debian's stock 6.12 as installed (packages-stock.txt): group and container, but no iommufd, no cdev; everything is a module.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { buildOnce } from './cache.mjs'
import { sourceTarball } from './kernel.mjs'
import { buildModule } from './modules.mjs'

// What stands between the initramfs and the host's root, and what is loaded there.
const early = ['9pnet_virtio', '9p', 'overlay']
const late = ['vfio_iommu_type1', 'vfio-pci', 'mdev']

/** { key, release, image, kdir, modules, earlyModules }, like ownKernel(); earlyModules is the list to load in the initramfs. */
export async function stockKernel(log = () => {}) {
  const release = installedRelease()
  const image = `/boot/vmlinuz-${release}`
  const tree = `/lib/modules/${release}`
  const kdir = `/usr/src/linux-headers-${release}`
  const hash = createHash('sha256')
    .update(readFileSync(image))
    .update(readFileSync(fileURLToPath(import.meta.url)))
  const key = `stock-${release}-${hash.digest('hex').slice(0, 12)}`
  const directory = await buildOnce(`kernel-${key}`, (partial) => {
    log(`unpacking modules of ${release}`)
    unpack(tree, join(partial, 'modules'))
    // mtty is in the source package only.
    const mtty = join(partial, 'mtty')
    mkdirSync(mtty)
    const source = execFileSync('tar', ['-xOJf', sourceTarball, '--wildcards', '*/samples/vfio-mdev/mtty.c'])
    writeFileSync(join(mtty, 'mtty.c'), source)
    writeFileSync(join(mtty, 'Makefile'), 'obj-m := mtty.o\n')
  })
  const order = readFileSync(join(directory, 'modules', 'order'), 'utf8')
    .trim()
    .split('\n')
  const path = (name) => join(directory, 'modules', name)
  const cut = order.indexOf('overlay.ko') + 1
  const kernel = { key, directory, release, image, kdir, earlyModules: order.slice(0, cut).map(path) }
  const mtty = await buildModule(join(directory, 'mtty'), kernel, log)
  return { ...kernel, modules: [...order.slice(cut).map(path), ...mtty] }
}

function installedRelease() {
  const releases = (existsSync('/lib/modules') ? readdirSync('/lib/modules') : []).filter(
    (name) =>
      /^6\.12\..*-amd64$/.test(name) &&
      existsSync(`/boot/vmlinuz-${name}`) &&
      existsSync(`/usr/src/linux-headers-${name}`),
  )
  const release = releases.sort((a, b) => a.localeCompare(b, 'en', { numeric: true })).pop()
  if (!release) {
    const directory = fileURLToPath(new URL('.', import.meta.url))
    throw new Error(`no stock kernel: run ${directory}install-packages.sh packages-stock.txt`)
  }
  return release
}

// Copies the modules and what they need, uncompressed, and notes their order of loading. Names are matched as modprobe does (- is _).
function unpack(tree, target) {
  mkdirSync(target)
  const plain = (path) =>
    basename(path)
      .replace(/\.ko(\.\w+)?$/, '')
      .replaceAll('-', '_')
  const needs = new Map()
  for (const line of readFileSync(join(tree, 'modules.dep'), 'utf8').trim().split('\n')) {
    const [path, dependencies] = line.split(':')
    needs.set(plain(path), { path, dependencies: dependencies.trim().split(' ').filter(Boolean) })
  }
  const order = []
  const add = (name) => {
    const { path, dependencies } = needs.get(name) ?? {}
    if (!path || order.includes(`${name}.ko`)) return
    for (const dependency of dependencies) add(plain(dependency))
    if (order.includes(`${name}.ko`)) return
    const file = join(tree, path)
    const bytes = path.endsWith('.xz')
      ? execFileSync('xz', ['-dc', file], { maxBuffer: 1 << 28 })
      : readFileSync(file)
    writeFileSync(join(target, `${name}.ko`), bytes)
    order.push(`${name}.ko`)
  }
  for (const name of [...early, ...late]) add(name.replaceAll('-', '_'))
  writeFileSync(join(target, 'order'), `${order.join('\n')}\n`)
}
