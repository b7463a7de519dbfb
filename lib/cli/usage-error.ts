// SPDX-License-Identifier: MIT

/** The command line asks for something that makes no sense. Exit code 2. */
export class UsageError extends Error {
  override readonly name = 'UsageError'
  readonly code = 'ERR_USAGE'
}
