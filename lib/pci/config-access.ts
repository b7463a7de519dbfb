// SPDX-License-Identifier: MIT

/** The width of an access to configuration space, in bytes. */
export type ConfigWidth = 1 | 2 | 4

/** Configuration space, however it is reached. Every call is one access of its width, and nothing is remembered between calls. */
export interface ConfigAccess {
  /** Names the device in errors. */
  readonly device: string
  /** In bytes: 256, or 4096 with the extended part. */
  readonly size: number
  /** `offset` is a multiple of `width` and inside. */
  read(offset: number, width: ConfigWidth): Promise<number>
  write(offset: number, width: ConfigWidth, value: number): Promise<void>
}
