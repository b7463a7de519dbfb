// SPDX-License-Identifier: MIT
// When pre-copy ends: the same options for every command that saves a device.
import { type Command, InvalidArgumentError, Option } from 'commander'
import { parseDuration, parseSize } from '../quantity.js'
import { parsed } from './options.js'

export type NamedPolicy =
  | { readonly name: 'qemu' | 'initial' }
  | { readonly name: 'ramp'; readonly to?: number }
  | { readonly name: 'rounds'; readonly rounds: number }

/** The options as they are parsed. Times in milliseconds, sizes in bytes. */
export interface PolicyFlags {
  readonly policy?: NamedPolicy
  readonly downtimeLimit?: number
  readonly bandwidthLimit?: number
  readonly totalTimeout?: number
  /** `true`: not given (what commander makes of a name that begins with `no-`). */
  readonly progressTimeout?: number | true
  readonly onLimit?: 'abort' | 'switch'
}

export function policyOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--policy <policy>',
        'when pre-copy ends: qemu (what is left fits into --downtime-limit), ramp[:MAX] (the same, with a limit that grows to\n' +
          'MAX, ten times as much), initial (no initial data left), rounds:N. Default: rounds:1',
      ).argParser(parsePolicy),
    )
    .addOption(
      new Option(
        '--downtime-limit <duration>',
        'do not switch when the downtime is expected to be longer (for qemu and ramp 300ms)',
      ).argParser(duration),
    )
    .addOption(
      new Option(
        '--bandwidth-limit <rate>',
        'bytes per second in pre-copy (100MiB); what is left at the end goes as fast as it can',
      ).argParser(parseRate),
    )
    .addOption(
      new Option('--total-timeout <duration>', 'pre-copy takes no longer than this (2m)').argParser(duration),
    )
    .addOption(
      new Option(
        '--no-progress-timeout <duration>',
        'pre-copy ends when what is left has not become less for this long',
      ).argParser(duration),
    )
    .addOption(
      new Option(
        '--on-limit <action>',
        'what to do when a limit is reached before the policy says switch (default: switch)',
      ).choices(['abort', 'switch']),
    )
}

/** @throws {InvalidArgumentError} */
export function parsePolicy(text: string): NamedPolicy {
  const [name, argument] = text.split(':', 2)
  if ((name === 'qemu' || name === 'initial') && argument === undefined) return { name }
  if (name === 'ramp') return argument === undefined ? { name } : { name, to: duration(argument) }
  if (name === 'rounds' && /^[1-9][0-9]{0,5}$/.test(argument ?? '')) return { name, rounds: Number(argument) }
  throw new InvalidArgumentError('qemu, ramp, ramp:3s, initial and rounds:3 are possible.')
}

function duration(text: string): number {
  return parsed(parseDuration(text), 'a duration looks like 300ms, 30s or 5m')
}

/** @throws {InvalidArgumentError} */
export function parseRate(text: string): number {
  const rate = parsed(
    parseSize(text.replace(/\/s$/, '')),
    'a bandwidth per second looks like 100MiB or 1GiB/s',
  )
  if (rate < 1) throw new InvalidArgumentError('a bandwidth of nothing moves nothing.')
  return rate
}
