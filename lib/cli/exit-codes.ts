// SPDX-License-Identifier: MIT
import { VfioAbortError } from '../errors/index.js'
import { Interrupted } from './interruption.js'

/** What `vfio-migrate` exits with. Scripts may rely on these. */
export const exitCodes = {
  ok: 0,
  /** The migration, the device, a file or this host failed; the message says where the devices are. */
  failure: 1,
  /** The command line makes no sense. */
  usage: 2,
  /** The stream is damaged, cut off, from a later release, or none. */
  badStream: 3,
  /** `--timeout` passed. */
  timeout: 124,
  /** SIGHUP, SIGINT, SIGTERM: rolled back first. */
  hangup: 129,
  interrupted: 130,
  terminated: 143,
} as const

/** The lines that every `--help` ends with. */
export const exitCodeHelp = `
Exit codes:
  0  done    1  the migration, a device or a file failed    2  wrong usage    3  damaged or unknown stream
  124  --timeout passed    130  interrupted (Ctrl-C; 129 SIGHUP, 143 SIGTERM), after rolling back`

const signalCodes: Readonly<Record<string, number>> = {
  SIGHUP: exitCodes.hangup,
  SIGINT: exitCodes.interrupted,
  SIGTERM: exitCodes.terminated,
}

/**
 * The exit code for what a command threw.
 * @param reading the command reads a stream, so that something impossible was most likely said by it
 */
export function exitCodeFor(error: unknown, reading: boolean): number {
  const reason = abortReason(error)
  if (reason instanceof Interrupted) return signalCodes[reason.signal] ?? exitCodes.interrupted
  if (reason instanceof Error && reason.name === 'TimeoutError') return exitCodes.timeout
  const code = (error as { code?: unknown } | null)?.code
  if (typeof code !== 'string') return exitCodes.failure
  if (code === 'ERR_USAGE' || code === 'ERR_VFIO_DEVICE_SPEC') return exitCodes.usage
  if (code.startsWith('ERR_VFIO_STREAM_')) return exitCodes.badStream
  if (reading && code === 'ERR_VFIO_MALFORMED') return exitCodes.badStream
  return exitCodes.failure
}

/** Why an operation was aborted, however deep the cause lies; `undefined` when it was not. */
export function abortReason(error: unknown): unknown {
  for (let at = error, depth = 0; at instanceof Error && depth < 8; at = at.cause, depth += 1) {
    if (at instanceof Interrupted || at.name === 'TimeoutError') return at
    if (at instanceof VfioAbortError && at.cause === undefined) return at
  }
  return undefined
}
