// SPDX-License-Identifier: MIT
// What an errno of a state change, or of a session, means: what the uAPI says, and where a driver means something of its own by it, that.
import type { MigrationState } from './state.js'
import { isSaving } from './v2/arcs.js'

// What drivers mean by an errno of a state change (uAPI text and the drivers themselves).
const general: Readonly<Record<string, string>> = {
  EBUSY: 'the device or its firmware is busy',
  EFAULT: 'the device does not accept this data, or the request could not be copied',
  EINVAL: 'the driver does not allow this arc now, or refuses what was loaded',
  EIO: 'the device or its firmware failed; some drivers answer so from the error state until a reset',
  EMFILE: 'no free descriptor in this process for the data of the session',
  ENFILE: 'no free descriptor on this host for the data of the session',
  ENODEV: 'the device is gone or shutting down',
  ENOENT: 'the driver could not make the file for the data',
  ENOMEM: 'out of memory in the kernel or the device',
  ENOTCONN: 'the physical function behind this device is gone',
  ENOTTY: 'the driver does not implement migration',
  EOPNOTSUPP: 'the device does not support this, or the data comes from an incompatible one',
  EOVERFLOW: 'the loaded state does not fit the device',
  EPERM: 'the register is not writable',
  ETIMEDOUT: 'the device did not answer in time',
}

/** A call other than a state change that drivers have errnos of their own for. */
export type SessionOperation = 'read' | 'write' | 'precopy-info' | 'data-size'

const ofSessions: Readonly<Record<SessionOperation, Readonly<Record<string, string>>>> = {
  read: {
    EINVAL: 'the driver has lost its place in the data',
    EIO: 'the device failed while it was saved',
    ENODEV: 'the session has ended: by a state change, a reset, or a save that failed in the device',
    ENOMSG: 'there is nothing to send for now',
  },
  write: {
    EFAULT: 'the data come from a device that differs',
    EINVAL: 'the data are not what the driver expects, or come from a device that differs',
    ENODEV: 'the session has ended: by a state change, a reset, or a write that failed before',
    ENOMEM: 'more data than the device has state, or out of memory',
    EOPNOTSUPP: 'the data hold a record that must be understood and is not: they come from a newer driver',
  },
  'precopy-info': {
    EINVAL: 'the device is not in a state in which it can be asked',
    ENODEV: 'the session has ended, or what it was saving has failed',
    ENOTTY: 'the driver has no pre-copy',
  },
  'data-size': { ENOTTY: 'the kernel or the driver does not know the request' },
}

interface DriverMeaning {
  readonly errno: string
  /** Only of this call. Default: of state changes. */
  readonly operation?: SessionOperation
  /** Only for a hop that leaves this. */
  readonly from?: 'pre-copy' | 'resuming'
  /** Only for a hop that ends the save. */
  readonly leavesSaving?: true
  readonly text: string
}

// By the kernel's name of the driver without its ending, which is also the name of a simulated device's personality.
const byDriver: Readonly<Record<string, readonly DriverMeaning[]>> = {
  mlx5: [
    {
      errno: 'ENOTCONN',
      text: 'the physical function behind this device is gone or being recovered; no firmware command works until it is back',
    },
    {
      errno: 'EIO',
      from: 'pre-copy',
      leavesSaving: true,
      text: 'ending the pre-copy failed in the firmware and its session is lost: ask for no other state change (the driver would use what is gone), reset the device',
    },
    {
      errno: 'ENODEV',
      text: 'what was being saved had failed in the firmware before; only a reset leads on',
    },
    {
      errno: 'EIO',
      operation: 'write',
      text: 'the firmware refused to load an image; the file of the load is dead, reset the device',
    },
    { errno: 'EINTR', text: 'a signal came while the driver waited for a save in progress; ask again' },
    { errno: 'EIO', text: 'the firmware failed the command; the kernel log has its syndrome' },
    { errno: 'EINVAL', text: 'the firmware refused the command in the state the function is in' },
    { errno: 'EAGAIN', text: 'the firmware has no resources for the command now; ask again' },
    { errno: 'ETIMEDOUT', text: 'the firmware did not answer; mlx5_core will recover the function' },
  ],
  hisi_acc: [
    {
      errno: 'EFAULT',
      operation: 'write',
      text: 'the match data differ: another kind of accelerator, driver version, number of queues or isolation setting',
    },
    { errno: 'ENOMEM', operation: 'write', text: 'more data than the state of an accelerator has' },
    {
      errno: 'EBUSY',
      text: 'the accelerator has a hardware error or a message to its physical function pending; try again when it is idle',
    },
    { errno: 'ETIMEDOUT', text: 'the queue manager did not become ready or did not write back its cache' },
    {
      errno: 'EINVAL',
      from: 'resuming',
      text: 'only a part of the state came, or the queue manager refused it',
    },
    {
      errno: 'EINVAL',
      text: 'the queue manager could not be read: the device may not be set up by a guest driver yet',
    },
  ],
  pds: [
    { errno: 'EINVAL', operation: 'write', text: 'more data than the state of this device has' },
    {
      errno: 'EIO',
      text: 'the device is in its error state (its firmware was restarted), the firmware said no, or it reports a state of no bytes; if the state is error, only a reset leads on',
    },
    { errno: 'ENOENT', text: 'the driver could not allocate the file or the buffer for the state' },
    { errno: 'ETIMEDOUT', text: 'the firmware did not report the function as suspended in time' },
    { errno: 'EINVAL', from: 'resuming', text: 'the firmware refused the state that was loaded' },
  ],
  qat: [
    {
      errno: 'EINVAL',
      operation: 'write',
      text: 'the set-up differs: another generation, version or configuration of the device',
    },
    { errno: 'ENOMEM', operation: 'write', text: 'more data than the state of this device has' },
    { errno: 'EOVERFLOW', operation: 'write', text: 'the length of the write is beyond all bounds' },
    {
      errno: 'EINVAL',
      from: 'resuming',
      text: 'the loaded state is incomplete, or made by an incompatible device or driver',
    },
    {
      errno: 'ETIMEDOUT',
      text: 'the physical function held the lock of its messages too long, or rings did not drain',
    },
    {
      errno: 'EINVAL',
      text: 'the state of the function could not be gathered, or there is no session to save it in',
    },
  ],
  virtio: [
    { errno: 'ENOMEM', text: 'out of memory, in the kernel or in the device, for its context' },
    { errno: 'EOPNOTSUPP', text: 'the device lacks the administration command that this needs' },
    { errno: 'EIO', text: 'an administration command failed in the device' },
    { errno: 'EAGAIN', text: 'the device has no resources for the administration command now; ask again' },
    { errno: 'EINVAL', text: 'the device refused an administration command in the state it is in' },
  ],
  xe: [
    {
      errno: 'EIO',
      text: 'the GPU or its microcontroller failed, or a part of the state could not be moved',
    },
    { errno: 'EBUSY', text: 'another control operation on this virtual function is in progress' },
    { errno: 'ETIMEDOUT', text: 'the microcontroller did not pause or resume the function in time' },
    { errno: 'ENODEV', text: "the physical function's driver is gone or the GPU is wedged" },
  ],
  i915: [
    {
      errno: 'EINVAL',
      text: 'the driver refused the arc, and answers every refusal by the error state; only a reset leaves it',
    },
    { errno: 'EPERM', text: 'the register is read-only in this state' },
    { errno: 'EIO', text: "the GPU's microcontroller failed to save, load, pause or resume the function" },
  ],
}

/** `mlx5_vfio_pci`, `mlx5-vfio-pci` and `mlx5` are one. */
function shortName(driver: string): string {
  return driver.replaceAll('-', '_').replace(/_vfio_pci$/, '')
}

/**
 * What a failure meant.
 * @param errno by its name
 * @param of the hop that failed (from, to), or the call
 * @param driver the kernel's name of the driver, or a personality's
 */
export function errnoMeaning(
  errno: string,
  of: readonly [MigrationState, MigrationState] | SessionOperation,
  driver: string | undefined,
): string {
  const rows = driver === undefined ? undefined : byDriver[shortName(driver)]
  const said = rows?.find((row) => row.errno === errno && fits(row, of))
  if (said !== undefined) return said.text
  const otherwise = general[errno] ?? 'the driver failed the request'
  return typeof of === 'string' ? (ofSessions[of][errno] ?? otherwise) : otherwise
}

function fits(row: DriverMeaning, of: readonly [MigrationState, MigrationState] | SessionOperation): boolean {
  if (typeof of === 'string') return row.operation === of
  const [from, to] = of
  if (row.operation !== undefined || (row.leavesSaving && isSaving(to))) return false
  return row.from === undefined || isFrom(row.from, from)
}

function isFrom(wanted: 'pre-copy' | 'resuming', from: MigrationState): boolean {
  return wanted === 'resuming' ? from === 'resuming' : from === 'pre-copy' || from === 'pre-copy-p2p'
}
