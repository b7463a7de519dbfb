// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import type { HostDevice } from '../../host/index.js'
import { type CommandReport, type CommonOptions, runCommand } from '../command-run.js'
import { common, deviceArgument, vfTokenFileOption } from '../options.js'

interface InspectOptions extends CommonOptions {
  readonly probe?: boolean
  readonly vfTokenFile?: string
  readonly sysfs?: string
}

export function inspectCommand(): Command {
  const command = new Command('inspect')
    .summary('what is known of one device; with --probe, what it says itself')
    .description(
      'Shows what sysfs and debugfs say of a device, and opens nothing. --probe opens it and asks: regions, interrupts, features,\n' +
        'capabilities, migration.\n' +
        'Mind that opening has consequences: vfio-pci and its variants reset a device when it is first opened and when it is last\n' +
        'closed. Whatever a device held that nobody else has open is gone after a probe.',
    )
    .argument('<device>', deviceArgument)
    .option('--probe', 'open the device, which resets it if nobody else has it open')
    .option('--sysfs <folder>', 'a copy of /sys from elsewhere')
  return common(vfTokenFileOption(command), [
    'inspect 0000:17:00.2',
    'inspect --probe 0000:17:00.2',
    'inspect --probe sim:v2 --json',
  ]).action((spec: string, options: InspectOptions) =>
    runCommand(options, {}, async ({ report }) => {
      const found = await hostReport(spec, options.sysfs)
      if (options.probe) {
        const { probe } = await import('../actions/probe.js')
        const probed = await probe(spec, options.vfTokenFile)
        report({ json: { ...found.json, probe: probed.json }, text: `${found.text}\n\n${probed.text}` })
      } else {
        report(found)
      }
      return undefined
    }),
  )
}

async function hostReport(spec: string, sysfs: string | undefined): Promise<CommandReport> {
  const [{ copiedRoots, findDevice, parseAddress }, { VfioError }, { facts }] = await Promise.all([
    import('../../host/index.js'),
    import('../../errors/index.js'),
    import('../table.js'),
  ])
  if (spec.startsWith('sim:')) {
    return {
      json: { ok: true, device: spec, kind: 'simulated' },
      text: facts([
        ['device', spec],
        ['kind', 'simulated: it is made when it is opened, and sysfs knows nothing of it'],
      ]),
    }
  }
  if (/^(?:fd|listen|pid|held):/.test(spec)) {
    return {
      json: { ok: true, device: spec, kind: 'handed-over' },
      text: facts([
        ['device', spec],
        ['kind', 'opened by somebody else: --probe asks it, and leaves its state alone'],
      ]),
    }
  }
  if (spec.startsWith('vfio-user:')) {
    return {
      json: { ok: true, device: spec, kind: 'vfio-user' },
      text: facts([
        ['device', spec],
        ['kind', 'vfio-user: another process serves it, and only connecting (--probe) tells more'],
      ]),
    }
  }
  const device = await findDevice(spec, sysfs === undefined ? {} : await copiedRoots(sysfs))
  if (device === undefined) {
    const known = parseAddress(spec) !== undefined
    throw new VfioError(
      known ? 'ERR_VFIO_NO_SUCH_DEVICE' : 'ERR_VFIO_DEVICE_SPEC',
      known
        ? `this host has no device ${spec} that VFIO could have`
        : `${JSON.stringify(spec)} is neither a PCI address, nor an mdev UUID, nor /dev/vfio/devices/vfioN, nor a device of this host`,
      { device: spec },
    )
  }
  const { group, pci, mdev, migration } = device
  return {
    json: { ok: true, ...device, device: spec },
    text: facts([
      ['device', device.address],
      ['kind', device.kind],
      ['ids', pci && `${hex(pci.vendorId, 4)}:${hex(pci.deviceId, 4)}, class ${hex(pci.classCode, 6)}`],
      ['physical function', pci?.physicalFunction],
      [
        'virtual functions',
        pci && pci.virtualFunctions.length > 0 ? pci.virtualFunctions.join(', ') : undefined,
      ],
      ['type', mdev?.type],
      ['parent', mdev?.parent],
      [
        'SR-IOV',
        pci?.sriov &&
          `${pci.sriov.enabled} of ${pci.sriov.total} virtual functions are there (vfio-migrate vfs)`,
      ],
      ['driver', `${device.driver ?? 'none'}${device.vfio ? '' : ' (not VFIO)'}`],
      ['reserved for', device.driverOverride],
      ['fitting driver', fittingText(device)],
      ['NUMA node', device.numaNode?.toString()],
      [
        'IOMMU group',
        group === undefined ? 'none' : `${group.id}${group.noiommu ? ', without an IOMMU' : ''}`,
      ],
      [
        'siblings',
        group?.siblings.map(({ address, driver }) => `${address} (${driver ?? 'no driver'})`).join(', ') ||
          undefined,
      ],
      [
        'not viable',
        group && group.blockers.length > 0 ? `because of ${group.blockers.join(', ')}` : undefined,
      ],
      ['group node', group?.node],
      ['device node', device.cdev],
      [
        'migration',
        `${migration.migratable}${migration.protocol ? `, ${migration.protocol}` : ''}: ${migration.reason}`,
      ],
      ['features', migration.features.length > 0 ? migration.features.join(', ') : undefined],
      ['state', migration.state],
    ]),
  }
}

// Worth a line where it is another than the device has.
function fittingText({ driver, vfioDriver }: HostDevice): string | undefined {
  if (vfioDriver === undefined || vfioDriver.driver === driver) return undefined
  const made = vfioDriver.variant ? ', made for this device' : ''
  return `${vfioDriver.driver}${made}${vfioDriver.loaded ? '' : ' (not loaded)'}: vfio-migrate bind`
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}
