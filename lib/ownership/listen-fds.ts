// SPDX-License-Identifier: MIT
// Descriptors that a parent handed to this process by the convention of sd_listen_fds(3): from 3 on, LISTEN_FDS of them, meant for the
// process LISTEN_PID, named in LISTEN_FDNAMES.
import { VfioError } from '../errors/index.js'

const FIRST = 3
/** More than anybody hands over; a larger number is a mistake. */
const MOST = 1024

/** One descriptor that was handed over. */
export interface ListenDescriptor {
  readonly fd: number
  /** `unknown` where LISTEN_FDNAMES has none, as systemd says. */
  readonly name: string
}

/**
 * What was handed to this process. Empty when nothing was, or when it was meant for another process (LISTEN_PID).
 * @throws {VfioError} `ERR_VFIO_MALFORMED`: the variables contradict themselves
 */
export function listenDescriptors(
  environment: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): ListenDescriptor[] {
  const { LISTEN_PID, LISTEN_FDS, LISTEN_FDNAMES } = environment
  if (LISTEN_FDS === undefined || LISTEN_PID !== String(pid)) return []
  const count = /^[0-9]{1,4}$/.test(LISTEN_FDS) ? Number(LISTEN_FDS) : MOST + 1
  if (count > MOST) throw new VfioError('ERR_VFIO_MALFORMED', `LISTEN_FDS=${LISTEN_FDS} is no count`)
  const names = LISTEN_FDNAMES === undefined ? [] : LISTEN_FDNAMES.split(':')
  if (LISTEN_FDNAMES !== undefined && names.length !== count) {
    throw new VfioError(
      'ERR_VFIO_MALFORMED',
      `LISTEN_FDNAMES has ${names.length} names for ${count} descriptors`,
    )
  }
  return Array.from({ length: count }, (_, index) => ({
    fd: FIRST + index,
    name: names[index] ?? 'unknown',
  }))
}

/**
 * The descriptor that `which` means: an index from 0, else a name.
 * @throws {VfioError} `ERR_VFIO_NOT_HANDED_OVER` naming what there is; two of that name are as bad as none
 */
export function findListenDescriptor(
  which: string,
  environment: NodeJS.ProcessEnv = process.env,
  pid: number = process.pid,
): number {
  const handed = listenDescriptors(environment, pid)
  const found = /^[0-9]{1,4}$/.test(which)
    ? handed.slice(Number(which), Number(which) + 1)
    : handed.filter(({ name }) => name === which)
  const [only] = found
  if (only !== undefined && found.length === 1) return only.fd
  throw new VfioError('ERR_VFIO_NOT_HANDED_OVER', whyNot(which, handed, found.length, environment), {
    device: `listen:${which}`,
  })
}

function whyNot(
  which: string,
  handed: readonly ListenDescriptor[],
  found: number,
  { LISTEN_PID, LISTEN_FDS }: NodeJS.ProcessEnv,
): string {
  if (LISTEN_FDS === undefined) return 'this process was handed no descriptors: LISTEN_FDS is not set'
  if (handed.length === 0) {
    return `the descriptors were handed to another process: LISTEN_PID is ${LISTEN_PID ?? 'not set'}`
  }
  if (found > 1) return `${found} of the descriptors handed over are called ${which}: say the index instead`
  return `none of the descriptors handed over is ${which}: there are ${handed.map(({ name }, index) => `${index} (${name})`).join(', ')}`
}
