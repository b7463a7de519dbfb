// SPDX-License-Identifier: MIT
import { existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative } from 'node:path'
import type { HostRoots } from '../../../lib/host/index.js'

interface PciOptions {
  readonly ids?: [vendor: string, device: string]
  readonly class?: string
  readonly driver?: string
  readonly group?: number
  readonly physfn?: string
  readonly virtfns?: readonly string[]
  /** Number of its vfio-dev folder. */
  readonly vfio?: number
  readonly modalias?: string
  /** How many virtual functions it can have; it has none yet unless `virtfns` says so. */
  readonly totalvfs?: number
}

/** A sysfs, a debugfs and a /dev in a temporary folder, shaped as Linux 6.12 shapes them. */
export class SysfsTree {
  readonly root = mkdtempSync(join(tmpdir(), 'vfio-sysfs-'))

  get roots(): Required<HostRoots> {
    return {
      sysfs: join(this.root, 'sys'),
      debugfs: join(this.root, 'debug'),
      dev: join(this.root, 'dev'),
      proc: join(this.root, 'proc'),
      modules: join(this.root, 'lib/modules/6.12.0'),
    }
  }

  file(path: string, text = ''): void {
    const whole = join(this.root, path)
    mkdirSync(dirname(whole), { recursive: true })
    writeFileSync(whole, text)
  }

  link(path: string, target: string): void {
    const whole = join(this.root, path)
    mkdirSync(dirname(whole), { recursive: true })
    symlinkSync(relative(dirname(whole), join(this.root, target)), whole)
  }

  pci(address: string, options: PciOptions = {}): void {
    const device = `sys/devices/pci0000:00/${address}`
    const [vendor, id] = options.ids ?? ['0x15b3', '0x101e']
    this.file(`${device}/vendor`, `${vendor}\n`)
    this.file(`${device}/device`, `${id}\n`)
    this.file(`${device}/class`, `${options.class ?? '0x020000'}\n`)
    this.link(`sys/bus/pci/devices/${address}`, device)
    this.file(`${device}/driver_override`, '(null)\n')
    if (options.modalias !== undefined) this.file(`${device}/modalias`, `${options.modalias}\n`)
    this.file('sys/bus/pci/drivers_probe')
    if (options.totalvfs !== undefined) {
      this.file(`${device}/sriov_totalvfs`, `${options.totalvfs}\n`)
      this.file(`${device}/sriov_numvfs`, `${options.virtfns?.length ?? 0}\n`)
      this.file(`${device}/sriov_drivers_autoprobe`, '1\n')
    }
    this.#common(device, address, 'pci', options)
    if (options.physfn) this.link(`${device}/physfn`, `sys/devices/pci0000:00/${options.physfn}`)
    options.virtfns?.forEach((name, index) => {
      this.link(`${device}/virtfn${index}`, `sys/devices/pci0000:00/${name}`)
    })
  }

  mdev(uuid: string, parent: string, type: string, options: PciOptions = {}): void {
    const device = `sys/devices/virtual/${parent}/${parent}/${uuid}`
    this.file(`sys/devices/virtual/${parent}/${parent}/mdev_supported_types/${type}/name`, 'a type\n')
    this.link(`${device}/mdev_type`, `sys/devices/virtual/${parent}/${parent}/mdev_supported_types/${type}`)
    this.link(`sys/bus/mdev/devices/${uuid}`, device)
    this.#common(device, uuid, 'mdev', options)
  }

  /** A driver that is there, with a device or without. */
  driver(name: string, bus = 'pci'): void {
    this.file(`sys/bus/${bus}/drivers/${name}/unbind`)
  }

  exists(path: string): boolean {
    return existsSync(join(this.root, path))
  }

  /** Takes away a file, a link or a folder. */
  drop(path: string): void {
    rmSync(join(this.root, path), { recursive: true, force: true })
  }

  remove(): void {
    rmSync(this.root, { recursive: true })
  }

  #common(device: string, name: string, bus: string, options: PciOptions): void {
    if (options.driver !== undefined) {
      this.driver(options.driver, bus)
      this.link(`${device}/driver`, `sys/bus/${bus}/drivers/${options.driver}`)
    }
    if (options.group !== undefined) {
      const group = `sys/kernel/iommu_groups/${options.group}`
      this.link(`${group}/devices/${name}`, device)
      this.link(`${device}/iommu_group`, group)
    }
    if (options.vfio !== undefined) {
      this.file(`${device}/vfio-dev/vfio${options.vfio}/dev`, `511:${options.vfio}\n`)
      this.file(`dev/vfio/devices/vfio${options.vfio}`)
    }
  }
}
