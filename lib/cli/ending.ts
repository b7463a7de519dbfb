// SPDX-License-Identifier: MIT
// What becomes of a device once it is loaded: its state lives exactly as long as somebody holds it open.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Device } from '../device/device.js'
import { VfioError } from '../errors/index.js'
import { exitCodes } from './exit-codes.js'
import { Interrupted } from './interruption.js'
import { UsageError } from './usage-error.js'

export interface EndingOptions {
  readonly hold?: boolean
  readonly exec?: string
}

export type Ending = 'closed' | 'held' | 'handed-on'

/** How it will end, checked before anything is touched. @throws {UsageError} arguments without a program */
export function plannedEnding(options: EndingOptions, programArguments: readonly string[]): Ending {
  if (options.exec === undefined && programArguments.length > 0) {
    throw new UsageError(
      `too many arguments: ${programArguments.join(' ')} (arguments after -- belong to --exec)`,
    )
  }
  if (options.exec !== undefined) return 'handed-on'
  return options.hold ? 'held' : 'closed'
}

/** @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: the device has no descriptor that another process could take */
export function checkEnding(ending: Ending, device: Device): void {
  if (ending === 'handed-on' && device.descriptor === undefined) {
    throw new VfioError(
      'ERR_VFIO_UNSUPPORTED',
      `${device.spec} lives in this process and has no descriptor to hand on with --exec; keep it with --hold`,
      { device: device.spec },
    )
  }
}

/** What the report says about it. */
export function endingText(ending: Ending, device: Device): string {
  if (ending === 'held')
    return `${device.spec} is held open: its state lives until this process ends (Ctrl-C)`
  if (ending === 'handed-on') return `${device.spec} is handed on as descriptor 3`
  return `${device.spec} is closed now, and with it what was loaded is gone; keep it with --hold or --exec`
}

/** Carries it out, after the report. The answer is the exit code. */
export async function carryOut(
  ending: Ending,
  device: Device,
  program: { readonly file: string; readonly arguments: readonly string[] },
  signal: AbortSignal,
): Promise<number> {
  if (ending === 'held') {
    await held(signal)
    return exitCodes.ok
  }
  if (ending === 'handed-on') return handOn(device, program, signal)
  return exitCodes.ok
}

// A timer keeps the process alive; a promise alone does not.
function held(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const alive = setInterval(() => {}, 0x7fff_ffff)
    const release = (): void => {
      clearInterval(alive)
      resolve()
    }
    if (signal.aborted) release()
    else signal.addEventListener('abort', release, { once: true })
  })
}

// sd_listen_fds(3): descriptors from 3 on, LISTEN_FDS of them, meant for the process LISTEN_PID. Only the shell knows that number in time,
// and keeps it over exec.
async function handOn(
  device: Device,
  program: { readonly file: string; readonly arguments: readonly string[] },
  signal: AbortSignal,
): Promise<number> {
  const descriptor = device.descriptor
  if (descriptor === undefined) return exitCodes.failure
  const script = 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"'
  const child = spawn('/bin/sh', ['-c', script, 'sh', program.file, ...program.arguments], {
    stdio: ['inherit', 'inherit', 'inherit', descriptor],
    env: { ...process.env, LISTEN_FDS: '1', LISTEN_FDNAMES: 'vfio-device' },
  })
  const forward = (): void => {
    const { reason } = signal
    child.kill(reason instanceof Interrupted ? reason.signal : 'SIGTERM')
  }
  if (signal.aborted) forward()
  else signal.addEventListener('abort', forward, { once: true })
  try {
    return await new Promise<number>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', (code, killer) =>
        resolve(code ?? 128 + (killer === null ? 0 : constants.signals[killer])),
      )
    })
  } finally {
    signal.removeEventListener('abort', forward)
  }
}
