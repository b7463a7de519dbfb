// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { bindCommand, unbindCommand } from './commands/bind.js'
import { demoCommand } from './commands/demo.js'
import { doctorCommand } from './commands/doctor.js'
import { holdCommand } from './commands/hold.js'
import { inspectCommand } from './commands/inspect.js'
import { listCommand } from './commands/list.js'
import { loadCommand } from './commands/load.js'
import { mdevCommand } from './commands/mdev.js'
import { migrateCommand } from './commands/migrate.js'
import { receiveCommand } from './commands/receive.js'
import { recoverCommand } from './commands/recover.js'
import { rehearseCommand } from './commands/rehearse.js'
import { saveCommand } from './commands/save.js'
import { sendCommand } from './commands/send.js'
import { serveCommand } from './commands/serve.js'
import { verifyCommand } from './commands/verify.js'
import { vfsCommand } from './commands/vfs.js'
import { exitCodeHelp } from './exit-codes.js'

/** The whole command line. What a command needs beyond its own options is imported when it runs. */
export function program(version: string): Command {
  const root = new Command('vfio-migrate')
    .description('Save, load and migrate the state of VFIO devices, and get a host ready for them.')
    .version(version, '-V, --version')
    .showHelpAfterError('(vfio-migrate --help, or vfio-migrate COMMAND --help, says more)')
    .addHelpText(
      'after',
      `
Devices are given as a PCI address (0000:17:00.2), an mdev UUID, /dev/vfio/devices/vfioN; as what somebody else has open: fd:N,
listen:NAME (LISTEN_FDS), pid:PID/FD, held:SOCKET#NAME (a keeper: vfio-migrate hold); the socket of a process that serves one by
vfio-user (vfio-user:/run/nic.sock); or, for trying things out, as a simulated device (sim:v1 or sim:v2, with options:
sim:v2,state=1GiB,seed=7).

Examples:
  $ vfio-migrate list
  $ vfio-migrate doctor 0000:17:00.2
  $ vfio-migrate migrate 0000:17:00.2 0000:17:00.3 --hold
  $ vfio-migrate save 0000:17:00.2 -o nic.vfm && vfio-migrate verify nic.vfm
  $ vfio-migrate demo`,
    )
    .addHelpText('after', exitCodeHelp)
  const commands = [
    listCommand(),
    inspectCommand(),
    doctorCommand(),
    bindCommand(),
    unbindCommand(),
    vfsCommand(),
    mdevCommand(),
    migrateCommand(),
    sendCommand(),
    receiveCommand(),
    recoverCommand(),
    rehearseCommand(),
    saveCommand(),
    loadCommand(),
    verifyCommand(),
    holdCommand(),
    serveCommand(),
    demoCommand(),
  ]
  for (const command of commands) root.addCommand(command.copyInheritedSettings(root))
  return root
}
