// SPDX-License-Identifier: MIT
// Mediated devices of this machine's kernel, made and removed through sysfs (Documentation/driver-api/vfio-mediated-device.rst).
import { randomUUID } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'

const parents = '/sys/class/mdev_bus'

/** The folder of an mdev type, whatever its parent is called; `undefined` where this kernel has none. */
export function findMdevType(type: string): string | undefined {
  if (!existsSync(parents)) return undefined
  for (const parent of readdirSync(parents)) {
    const folder = join(parents, parent, 'mdev_supported_types', type)
    if (existsSync(folder)) return folder
  }
  return undefined
}

/** A mediated device that exists until it is removed. */
export class Mdev implements AsyncDisposable {
  readonly uuid: string

  private constructor(uuid: string) {
    this.uuid = uuid
  }

  /** @param folder of its type, from {@link findMdevType} */
  static async create(folder: string): Promise<Mdev> {
    const uuid = randomUUID()
    await writeFile(join(folder, 'create'), uuid)
    return new Mdev(uuid)
  }

  /** Reads an attribute of the device's own. */
  async attribute(name: string): Promise<string> {
    return (await readFile(`/sys/bus/mdev/devices/${this.uuid}/${name}`, 'utf8')).trim()
  }

  async setAttribute(name: string, value: string): Promise<void> {
    await writeFile(`/sys/bus/mdev/devices/${this.uuid}/${name}`, value)
  }

  /** Waits in the kernel for whoever has it open. */
  async remove(): Promise<void> {
    await writeFile(`/sys/bus/mdev/devices/${this.uuid}/remove`, '1')
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.remove()
  }
}
