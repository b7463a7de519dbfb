// SPDX-License-Identifier: MIT
// What becomes of a device once it is loaded: its state lives exactly as long as somebody holds it open.
import { spawn } from 'node:child_process'
import { constants } from 'node:os'
import type { Device } from '../device/device.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import { BorrowedDevice } from '../ownership/borrowed-device.js'
import { nameOf, notADescriptor } from '../ownership/bundle.js'
import { Keeper } from '../ownership/keeper.js'
import { exitCodes } from './exit-codes.js'
import { Interrupted } from './interruption.js'
import { UsageError } from './usage-error.js'

export interface EndingOptions {
  readonly hold?: boolean
  readonly exec?: string
  /** The socket of a keeper. */
  readonly handTo?: string
}

export type Ending = 'closed' | 'held' | 'handed-on' | 'deposited'

/** How it will end, checked before anything is touched. @throws {UsageError} arguments without a program */
export function plannedEnding(options: EndingOptions, programArguments: readonly string[]): Ending {
  if (options.exec === undefined && programArguments.length > 0) {
    throw new UsageError(
      `too many arguments: ${programArguments.join(' ')} (arguments after -- belong to --exec)`,
    )
  }
  if (options.exec !== undefined) return 'handed-on'
  if (options.handTo !== undefined) return 'deposited'
  return options.hold ? 'held' : 'closed'
}

/** @throws {VfioError} `ERR_VFIO_UNSUPPORTED`: the device has no descriptor that another process could take */
export function checkEnding(ending: Ending, device: Device): void {
  if ((ending === 'handed-on' || ending === 'deposited') && device.descriptor === undefined) {
    throw notADescriptor(device.spec)
  }
}

/** What the report says about it. */
export function endingText(ending: Ending, device: Device, heldAs?: string): string {
  if (ending === 'held')
    return `${device.spec} is held open: its state lives until this process ends (Ctrl-C)`
  if (ending === 'handed-on') return `${device.spec} is handed on as descriptor 3`
  if (ending === 'deposited') return `${device.spec} is held by the keeper as ${heldAs}`
  if (device instanceof BorrowedDevice)
    return `${device.spec} goes back to its keeper, which holds it as it is now`
  return `${device.spec} is closed now, and with it what was loaded is gone; keep it with --hold or --exec`
}

/** Makes sure that somebody is there to take the device, before anything is touched. @throws {VfioError} `ERR_VFIO_PEER_LOST` */
export async function checkReceiver({ handTo }: EndingOptions): Promise<void> {
  if (handTo !== undefined) await (await Keeper.connect(handTo)).close()
}

/** Gives the loaded device to its keeper, where that was asked for. @returns how it can be reached from then on */
export async function deposit(
  device: MigratableDevice,
  { handTo }: EndingOptions,
): Promise<string | undefined> {
  if (handTo === undefined) return undefined
  await using keeper = await Keeper.connect(handTo)
  await keeper.give(device)
  return `held:${handTo}#${nameOf(device)}`
}

/** Carries it out, after the report. The answer is the exit code. */
export async function carryOut(
  ending: Ending,
  device: Device,
  program: { readonly file: string; readonly arguments: readonly string[] },
  signal: AbortSignal,
): Promise<number> {
  if (ending === 'held') {
    await untilAborted(signal)
    return exitCodes.ok
  }
  if (ending === 'handed-on') return handOn(device, program, signal)
  return exitCodes.ok
}

/** Keeps the process until it is told to go. */
export function untilAborted(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    // A promise alone does not keep a process alive.
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
  const companions = device.companions
  const names = ['device', ...companions.map(({ kind }) => kind)].map((kind) => `vfio-${kind}`)
  const script = 'LISTEN_PID=$$; export LISTEN_PID; exec "$@"'
  const child = spawn('/bin/sh', ['-c', script, 'sh', program.file, ...program.arguments], {
    stdio: [
      'inherit',
      'inherit',
      'inherit',
      descriptor,
      ...companions.map((companion) => companion.descriptor),
    ],
    env: { ...process.env, LISTEN_FDS: `${names.length}`, LISTEN_FDNAMES: names.join(':') },
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
