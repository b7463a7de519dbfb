// SPDX-License-Identifier: MIT
import { open } from 'node:fs/promises'
import { minKeyBytes } from '../stream/frame-writer.js'
import { UsageError } from './usage-error.js'

const maxKeyBytes = 4096

/** The bytes of a key file as they are, a newline included. @throws {UsageError} too short, too long, or not a regular file */
export async function readKeyFile(path: string): Promise<Uint8Array> {
  const file = await open(path)
  try {
    if (!(await file.stat()).isFile()) throw new UsageError(`${path} is not a regular file`)
    const { buffer, bytesRead } = await file.read(Buffer.alloc(maxKeyBytes + 1), 0, maxKeyBytes + 1, 0)
    if (bytesRead < minKeyBytes || bytesRead > maxKeyBytes) {
      throw new UsageError(
        `a key file holds ${minKeyBytes} to ${maxKeyBytes} bytes (try: head -c 32 /dev/urandom > FILE); ${path} does not`,
      )
    }
    return buffer.subarray(0, bytesRead)
  } finally {
    await file.close()
  }
}
