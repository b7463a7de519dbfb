// SPDX-License-Identifier: MIT
import { existsSync, readFileSync, readlinkSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { VfioError } from '../../../lib/errors/index.js'
import type { WritesAttributes } from '../../../lib/host/attribute-writer.js'
import type { SysfsTree } from './sysfs-tree.js'

/** Does to a tree what the kernel does when an attribute is written, as far as the changes under test go. */
export class FakeKernel implements WritesAttributes {
  readonly #tree: SysfsTree
  /** What was written, `PATH=VALUE` with the path below sysfs. */
  readonly log: string[] = []
  /** Drivers that take no device. */
  readonly refusing = new Set<string>()
  /** The driver that a device gets when no override names one. */
  readonly usual = new Map<string, string>()
  /** Writes that fail: part of `PATH=VALUE`, and the errno. */
  readonly failures = new Map<string, string>()
  /** Called before each write. */
  onWrite: (write: string) => void = () => {}

  constructor(tree: SysfsTree) {
    this.#tree = tree
  }

  async write(path: string, value: string, signal?: AbortSignal): Promise<void> {
    signal?.throwIfAborted()
    const below = path.slice(this.#tree.roots.sysfs.length + 1)
    const write = `${below}=${value}`
    this.log.push(write)
    this.onWrite(write)
    for (const [part, code] of this.failures) {
      if (write.includes(part)) throw new VfioError(code, `${code}: it was to fail, write ${path}`)
    }
    const attribute = basename(below)
    if (attribute === 'driver_override')
      this.#tree.file(`sys/${below}`, value === '\n' ? '(null)\n' : `${value}\n`)
    else if (attribute === 'unbind') this.#unbind(basename(dirname(below)), value)
    else if (attribute === 'drivers_probe') this.#probe(value)
    else if (attribute === 'sriov_numvfs') this.#functions(dirname(below), Number(value))
    else this.#tree.file(`sys/${below}`, `${value}\n`)
  }

  #unbind(driver: string, address: string): void {
    const link = join(this.#tree.root, `sys/devices/pci0000:00/${address}/driver`)
    if (!existsSync(link) || basename(readlinkSync(link)) !== driver) {
      throw new VfioError('ENODEV', `ENODEV: no such device, write of ${address}`)
    }
    this.#tree.drop(`sys/devices/pci0000:00/${address}/driver`)
  }

  #probe(address: string): void {
    const device = `sys/devices/pci0000:00/${address}`
    if (this.#tree.exists(`${device}/driver`)) return
    const override = readFileSync(join(this.#tree.root, device, 'driver_override'), 'utf8').trim()
    const driver = override === '(null)' ? this.usual.get(address) : override
    if (driver === undefined || this.refusing.has(driver)) return
    if (this.#tree.exists(`sys/bus/pci/drivers/${driver}`)) {
      this.#tree.link(`${device}/driver`, `sys/bus/pci/drivers/${driver}`)
    }
  }

  #functions(device: string, count: number): void {
    const folder = `sys/devices/pci0000:00/${basename(device)}`
    for (let index = 0; index < 8; index += 1) this.#tree.drop(`${folder}/virtfn${index}`)
    this.#tree.file(`${folder}/sriov_numvfs`, `${count}\n`)
    for (let index = 0; index < count; index += 1) {
      this.#tree.link(`${folder}/virtfn${index}`, `sys/devices/pci0000:00/0000:17:01.${index}`)
    }
  }
}
