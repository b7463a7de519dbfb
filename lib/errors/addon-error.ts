// SPDX-License-Identifier: MIT
import { VfioError } from './vfio-error.js'

/** VFIO exists on Linux only. Thrown by the first use, never by the import. */
export class UnsupportedPlatformError extends VfioError {
  override readonly name = 'UnsupportedPlatformError'
  readonly platform: string

  constructor(platform: string) {
    super('ERR_VFIO_UNSUPPORTED_PLATFORM', `VFIO is part of Linux; it does not exist on ${platform}`)
    this.platform = platform
  }
}

/** One place where the addon was looked for, and why it was not taken. */
export interface AddonAttempt {
  readonly path: string
  readonly reason: string
}

/** The native half is missing or does not load here. `attempts` lists every place tried, in order. */
export class AddonNotFoundError extends VfioError {
  override readonly name = 'AddonNotFoundError'
  readonly attempts: readonly AddonAttempt[]

  constructor(attempts: readonly AddonAttempt[], solutions: readonly string[]) {
    const lines = [
      `The native addon of vfio-migration could not be loaded (${process.platform}-${process.arch}, Node ${process.version}).`,
      'Tried:',
      ...attempts.map(({ path, reason }) => `  ${path}: ${reason}`),
      'Possible solutions:',
      ...solutions.map((solution) => `  - ${solution}`),
    ]
    super('ERR_VFIO_ADDON_NOT_FOUND', lines.join('\n'))
    this.attempts = attempts
  }
}
