// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommonOptions, runCommand } from '../command-run.js'
import { common } from '../options.js'

export interface DoctorOptions extends CommonOptions {
  readonly probe?: boolean
  readonly sysfs?: string
}

export function doctorCommand(): Command {
  const command = new Command('doctor')
    .summary('what keeps a device from being opened and migrated, and the command that mends it')
    .description(
      'Looks at the kernel, the IOMMU, permissions and limits, and at DEVICE: its group, driver and migration; without DEVICE at all that\n' +
        'VFIO has. Says for every problem why it matters and which command mends it; changes nothing, and opens nothing. --probe opens\n' +
        'DEVICE to see whether that works, and asks it what it can migrate: mind that vfio-pci and its variants reset a device when it is\n' +
        'first opened and when it is last closed. Exit code 1: there are problems.',
    )
    .argument('[device]', 'PCI address, mdev UUID, /dev/vfio/devices/vfioN or sysfs name')
    .option('--probe', 'open the device, which resets it if nobody else has it open')
    .option(
      '--sysfs <folder>',
      'a copy of /sys from elsewhere, with dev, proc and lib/modules beside it if copied, too',
    )
  return common(command, [
    'doctor',
    'doctor 0000:17:00.2',
    'doctor 0000:17:00.2 --probe',
    'doctor --json | jq -r \'.findings[] | select(.severity == "problem").command\'',
  ]).action((device: string | undefined, options: DoctorOptions) =>
    runCommand(options, {}, async (context) => {
      const { doctor } = await import('../actions/doctor.js')
      return doctor(device, options, context)
    }),
  )
}
