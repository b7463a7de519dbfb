// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { changeOptions, common, type HostChangeFlags } from '../options.js'

interface BindOptions extends CommonOptions, HostChangeFlags {
  readonly driver?: string
  readonly group?: boolean
}

interface UnbindOptions extends CommonOptions, HostChangeFlags {
  readonly giveBack?: boolean
}

export function bindCommand(): Command {
  const command = new Command('bind')
    .summary('bind a device to a VFIO driver')
    .description(
      'Binds a device to the VFIO driver made for it where this kernel has one, else to the general one (vfio-pci). Only this device is\n' +
        'affected (driver_override). If the driver refuses it, the device gets its former driver back. Loads no module. Needs root.',
    )
    .argument('<device>', 'PCI address, or the name of a platform device')
    .option('--driver <driver>', 'another driver than that, by its name in sysfs')
    .option('--group', 'also bind the devices that keep its IOMMU group from being used, and no others')
  return common(changeOptions(command), [
    'bind 0000:17:00.2 --dry-run',
    'bind 0000:17:00.2 --driver mlx5_vfio_pci',
    'bind 0000:00:1f.3 --group',
  ]).action((device: string, options: BindOptions) =>
    runCommand(options, {}, async (context) => {
      const { bind } = await import('../actions/bind.js')
      return bind(device, options, context)
    }),
  )
}

export function unbindCommand(): Command {
  const command = new Command('unbind')
    .summary('take a device from its driver')
    .description(
      'Takes a device from its driver and leaves it without one, so that it keeps no IOMMU group from being used; --give-back lets the\n' +
        'kernel choose a driver for it, as at boot. The kernel takes no device from VFIO while somebody has it open: that is refused, and\n' +
        'with --force waited for. Needs root.',
    )
    .argument('<device>', 'PCI address, or the name of a platform device')
    .option('--give-back', 'clear driver_override and let the kernel choose a driver')
  return common(changeOptions(command), ['unbind 0000:00:1f.2', 'unbind 0000:17:00.2 --give-back']).action(
    (device: string, options: UnbindOptions) =>
      runCommand(options, {}, async (context) => {
        const { unbind } = await import('../actions/bind.js')
        return unbind(device, options, context)
      }),
  )
}
