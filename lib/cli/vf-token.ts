// SPDX-License-Identifier: MIT
// The VF token is a secret: it comes from a file or the environment, never from the command line, which every process can read.
import { open } from 'node:fs/promises'
import { checkVfToken } from '../device/features.js'
import { UsageError } from './usage-error.js'

/** The variable that is read when no file is named. */
export const vfTokenVariable = 'VFIO_VF_TOKEN'

const mostBytes = 128

/**
 * The token in the file, or in {@link vfTokenVariable} when none is named; `undefined`: neither. A file that others can read is taken with
 * a warning.
 * @throws {UsageError} not a regular file; {VfioError} `ERR_VFIO_VF_TOKEN`: not a UUID. Neither repeats what was found
 */
export async function readVfToken(
  path: string | undefined,
  device: string,
  warn: (text: string) => void = (text) => void process.stderr.write(`${text}\n`),
): Promise<string | undefined> {
  if (path === undefined) {
    const token = process.env[vfTokenVariable]
    return token === undefined || token === '' ? undefined : checkVfToken(token.trim(), device)
  }
  const file = await open(path)
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new UsageError(`${path} is not a regular file`)
    if ((found.mode & 0o077) !== 0)
      warn(`warning: others can read or write the VF token in ${path}: chmod 600 it`)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(mostBytes), 0, mostBytes, 0)
    return checkVfToken(buffer.toString('latin1', 0, bytesRead).trim(), device)
  } finally {
    await file.close()
  }
}

/** As the option `vfToken` of `openDevice`. */
export async function vfTokenOption(
  path: string | undefined,
  device: string,
): Promise<{ readonly vfToken?: string }> {
  const vfToken = await readVfToken(path, device)
  return vfToken === undefined ? {} : { vfToken }
}
