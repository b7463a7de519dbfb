// SPDX-License-Identifier: MIT

/** Every failure of this library carries a `code` beginning with `ERR_VFIO_`; system call failures carry Node's own (`EBUSY`). */
export class VfioError extends Error {
  readonly code: string

  constructor(code: string, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'VfioError'
    this.code = code
  }
}

/** `ERR_VFIO_UNSUPPORTED_PLATFORM`: VFIO exists on Linux only. Thrown by the first use, never by the import. */
export class UnsupportedPlatformError extends VfioError {
  readonly platform: string

  constructor(platform: string) {
    super('ERR_VFIO_UNSUPPORTED_PLATFORM', `VFIO is part of Linux; it does not exist on ${platform}`)
    this.name = 'UnsupportedPlatformError'
    this.platform = platform
  }
}

/** One place where the addon was looked for, and why it was not taken. */
export interface AddonAttempt {
  readonly path: string
  readonly reason: string
}

/** `ERR_VFIO_ADDON_NOT_FOUND`: the native half is missing or does not load here. `attempts` lists every place tried, in order. */
export class AddonNotFoundError extends VfioError {
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
    this.name = 'AddonNotFoundError'
    this.attempts = attempts
  }
}
