// SPDX-License-Identifier: MIT
// Options that several commands share, each parsed and checked in one place.
import { type Command, InvalidArgumentError, Option } from 'commander'
import type { HostChangeOptions } from '../host/index.js'
import { parseDuration, parseSize } from '../quantity.js'
import { exitCodeHelp } from './exit-codes.js'

/** What every command that changes the host takes. */
export interface HostChangeFlags {
  readonly dryRun?: boolean
  readonly force?: boolean
}

export const recoveryPolicies = ['none', 'previous', 'stop', 'reset'] as const
export const dataPaths = ['auto', 'mapped', 'trapped'] as const

/** What a device argument may be. */
export const deviceArgument =
  'PCI address, mdev UUID, /dev/vfio/devices/vfioN, fd:N, listen:NAME, pid:PID/FD, held:SOCKET#NAME, vfio-user:PATH or sim:...'

/** `--json`, `--no-progress`, `--timeout`, the examples and the exit codes. */
export function common(command: Command, examples: readonly string[]): Command {
  return command
    .option('--json', 'print one JSON object on stdout instead of text')
    .option('--no-progress', 'no progress on stderr')
    .addOption(
      new Option('--timeout <duration>', 'give up and roll back after this time (500ms, 30s, 5m)').argParser(
        (text) => parsed(parseDuration(text), 'a duration looks like 500ms, 30s or 5m'),
      ),
    )
    .addHelpText('after', `\nExamples:\n${examples.map((line) => `  $ vfio-migrate ${line}`).join('\n')}`)
    .addHelpText('after', exitCodeHelp)
}

/** `--report` and `--trace`: the run as it was, also when it fails. */
export function reportOptions(command: Command): Command {
  return command
    .option(
      '--report <file>',
      'write what happened, with times, rates and the parts of the downtime, as JSON; also when it fails',
    )
    .option('--trace <file>', 'write the same for chrome://tracing or Perfetto')
}

export function preCopyOptions(command: Command): Command {
  return command
    .option('--pre-copy', 'copy while the source still runs, where it can (default)', true)
    .option('--no-pre-copy', 'stop the source first')
}

export function saveOptions(command: Command): Command {
  return readOptions(preCopyOptions(command))
}

/** How the source is read, and what becomes of it after a failure. */
export function readOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--recovery <policy>', 'what becomes of the source after a failure')
        .choices(recoveryPolicies)
        .default('previous'),
    )
    .addOption(
      new Option('--buffer-size <size>', 'v2: bytes of each read buffer, 64KiB to 8MiB').argParser((text) => {
        const size = parsed(parseSize(text), 'a size looks like 65536, 512KiB or 1MiB')
        if (size < 65_536 || size > 8 * 1024 * 1024)
          throw new InvalidArgumentError('64KiB to 8MiB are possible.')
        return size
      }),
    )
    .addOption(
      new Option('--data-path <path>', 'v1: how the data section is reached')
        .choices(dataPaths)
        .default('auto'),
    )
}

export function keyOption(command: Command): Command {
  return command.option(
    '--key-file <file>',
    'HMAC-SHA256 key of the stream: 16 to 4096 bytes, taken as they are',
  )
}

export function vfTokenFileOption(command: Command): Command {
  return command.option(
    '--vf-token-file <file>',
    'the UUID that a virtual function of vfio-pci wants, in a file (mode 600); without it, from VFIO_VF_TOKEN',
  )
}

export function digestOption(command: Command): Command {
  return command.option(
    '--digest <region>',
    'print the SHA-256 of a region (bar0 to bar5, rom, config, or an index)',
  )
}

/** What becomes of a loaded device: its state lives only while somebody holds it open. */
export function endingOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--hold', 'keep the loaded device open until Ctrl-C or SIGTERM').conflicts([
        'exec',
        'handTo',
      ]),
    )
    .addOption(
      new Option(
        '--hand-to <socket>',
        'leave the device with the keeper at a socket (vfio-migrate hold)',
      ).conflicts('exec'),
    )
    .option(
      '--exec <program>',
      'hand the device to a program, as descriptor 3, its group and container after it (LISTEN_FDS); its arguments follow --',
    )
    .argument('[arguments...]', 'arguments of the --exec program')
}

export function changeOptions(command: Command): Command {
  return command
    .option('--dry-run', 'print the commands that would do it, and change nothing')
    .option('--force', 'even if the device is in use: mounted disks, network interfaces, open devices')
}

/** The flags as the library takes them. */
export function hostChangeOptions(flags: HostChangeFlags, signal: AbortSignal): HostChangeOptions {
  return { dryRun: flags.dryRun ?? false, force: flags.force ?? false, signal }
}

export function parsed<T>(value: T | undefined, expected: string): T {
  if (value === undefined) throw new InvalidArgumentError(`${expected}.`)
  return value
}
