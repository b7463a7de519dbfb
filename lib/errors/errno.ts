// SPDX-License-Identifier: MIT
// libuv knows only the errnos it maps itself (no ENOMSG, EBADMSG, ENODATA, EDQUOT; EOPNOTSUPP becomes ENOTSUP), so the numbers that a VFIO
// driver may answer come from os.constants, and the kernel's internal ones that leak to user space are added by hand.
import { constants } from 'node:os'

// Numbers that os.constants lacks (asm-generic/errno.h and, for ENOTSUPP, include/linux/errno.h).
const added: Readonly<Record<string, number>> = {
  ENOTBLK: 15,
  ECHRNG: 44,
  ENOTUNIQ: 76,
  EREMOTEIO: 121,
  EDQUOT: 122,
  ENOMEDIUM: 123,
  ECANCELED: 125,
  EOWNERDEAD: 130,
  ENOTRECOVERABLE: 131,
  EHWPOISON: 133,
  ENOTSUPP: 524,
}

// Where two names share a number, the kernel's own word wins.
const preferred = new Set(['EAGAIN', 'EOPNOTSUPP', 'EDEADLK'])

const names = new Map<number, string>()
for (const [name, number] of [...Object.entries(constants.errno), ...Object.entries(added)]) {
  if (!names.has(number) || preferred.has(name)) names.set(number, name)
}

const messages: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EAGAIN: 'nothing available right now',
  EBADF: 'bad file descriptor',
  EBUSY: 'resource busy or locked',
  EEXIST: 'exists already',
  EFAULT: 'bad address, or data the device does not accept',
  EINTR: 'interrupted',
  EINVAL: 'invalid argument',
  EIO: 'input/output error',
  EMFILE: 'too many open descriptors in this process',
  ENFILE: 'too many open descriptors on this host',
  ENODEV: 'no such device, or the session is over',
  ENOENT: 'no such file or directory',
  ENOMEM: 'out of memory, or more data than the device takes',
  ENOMSG: 'no data for now',
  ENOSPC: 'no space left on device',
  ENOTCONN: 'not connected',
  ENOTTY: 'the driver does not implement this request',
  EOPNOTSUPP: 'not supported',
  EOVERFLOW: 'value too large',
  EPERM: 'operation not permitted',
  EPIPE: 'the reading end is closed',
  ESPIPE: 'the descriptor is a stream',
  ETIMEDOUT: 'timed out',
}

/** The name of a negative errno: `-16` is `EBUSY`. Numbers without a name give `E` and the number. */
export function errnoName(errno: number): string {
  return names.get(-errno) ?? `E${-errno}`
}

/** The positive number of an errno's name, or `undefined`. */
export function errnoNumber(name: string): number | undefined {
  return (constants.errno as Readonly<Record<string, number>>)[name] ?? added[name]
}

/** What a negative errno means, in a few words. */
export function errnoMessage(errno: number): string {
  return messages[errnoName(errno)] ?? 'system error'
}
