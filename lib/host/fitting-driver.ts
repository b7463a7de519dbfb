// SPDX-License-Identifier: MIT
import { canonicalModule, type ModuleAlias, modulesFor, vfioAliases } from './kernel-modules.js'
import type { Sysfs } from './sysfs.js'

/** A VFIO driver that would take a device. */
export interface FittingDriver {
  /** As sysfs calls it and `driver_override` wants it; where its module is not loaded, as it is most likely called. */
  readonly driver: string
  /** Its module, for `modprobe`. */
  readonly module: string
  /** Whether the driver is there now. */
  readonly loaded: boolean
  /** Made for this very kind of device (mlx5_vfio_pci, hisi_acc_vfio_pci, …) and therefore able to migrate it where anything is. */
  readonly variant: boolean
}

// The driver of a bus that takes every device of it: drivers/vfio/{pci,platform,fsl-mc}.
const general: Readonly<Record<string, string>> = {
  pci: 'vfio-pci',
  platform: 'vfio-platform',
  amba: 'vfio-amba',
  'fsl-mc': 'vfio-fsl-mc',
}

// Drivers made for a kind of device bear their module's name, with underscores (KBUILD_MODNAME); the general ones do not.
const driverNames: Readonly<Record<string, string>> = {
  vfio_pci: 'vfio-pci',
  vfio_platform: 'vfio-platform',
  vfio_amba: 'vfio-amba',
  vfio_fsl_mc: 'vfio-fsl-mc',
}

/** Finds VFIO drivers for devices; reads the kernel's list of aliases once. */
export class FittingDrivers {
  readonly #sysfs: Sysfs
  #aliases: Promise<ModuleAlias[]> | undefined

  constructor(sysfs: Sysfs) {
    this.#sysfs = sysfs
  }

  /** The one made for the device where there is one, else the general one of its bus; `undefined` on a bus that has none (mdev). */
  async best(bus: string, modalias: string | undefined): Promise<FittingDriver | undefined> {
    const fallback = general[bus]
    if (fallback === undefined) return undefined
    this.#aliases ??= vfioAliases(this.#sysfs)
    const modules = modalias === undefined ? [] : modulesFor(modalias, await this.#aliases)
    const variant = modules.map(canonicalModule).find((module) => module !== 'vfio_pci')
    const module = variant ?? canonicalModule(fallback)
    const present = await findDriver(this.#sysfs, bus, module)
    return {
      driver: present ?? driverNames[module] ?? module,
      module,
      loaded: present !== undefined,
      variant: variant !== undefined,
    }
  }
}

/** The driver of a bus under the name it has in sysfs, dashes and underscores being the same; `undefined` when it is not there. */
export async function findDriver(sysfs: Sysfs, bus: string, name: string): Promise<string | undefined> {
  if (await sysfs.exists('bus', bus, 'drivers', name)) return name
  const wanted = canonicalModule(name)
  return (await sysfs.names('bus', bus, 'drivers')).find((driver) => canonicalModule(driver) === wanted)
}
