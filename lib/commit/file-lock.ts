// SPDX-License-Identifier: MIT
// A lock on a whole file that says "my owner lives": an open file description lock (fcntl(2), F_OFD_SETLK). It belongs to the open file, with
// all duplicates of its descriptor, and goes with the last of them, also when the process is killed. Opened a second time, even by the same
// process, the file is another's.
import { binding } from '../binding.js'
import { unwrap } from '../errors/index.js'

/**
 * Takes the lock on what `fd` has open, which must be open for writing; closing the file gives it back. Never waits.
 * @returns whether it was got; `false`: another open file has it
 * @throws {VfioSystemError} `EBADF`: not open, or not for writing
 */
export async function tryLockFile(fd: number): Promise<boolean> {
  return unwrap(await binding().lockDescriptor(fd))
}

/** Whether another open file has the lock, now; it is not taken. */
export async function isFileLocked(fd: number): Promise<boolean> {
  return unwrap(await binding().isDescriptorLocked(fd))
}
