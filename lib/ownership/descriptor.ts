// SPDX-License-Identifier: MIT
import { readFile } from 'node:fs/promises'
import { binding } from '../binding.js'
import { unwrap, unwrapAdoption, VfioError } from '../errors/index.js'
import type { NativeDescriptor, NativeDescriptorKind, NativeIdentity } from '../native-binding.js'

/**
 * What a descriptor is. `device` is one from a group or from `/dev/vfio/devices`; `migration-data` carries a v2 save or load; `other` is
 * nothing of VFIO's.
 */
export type DescriptorKind = NativeDescriptorKind

/** What a descriptor is, and what the kernel calls it (`vfio0`, the number of a group, or an empty string). */
export type DescriptorIdentity = NativeIdentity

/** Where a data descriptor stands, as its driver tells through `/proc/self/fdinfo`. */
export interface DataPosition {
  /** Bytes read or written so far by all holders together. */
  readonly bytes: number
  readonly direction: 'save' | 'load'
}

/**
 * What `fd` is, by its name in `/proc/self/fd` and, for a node, its class in sysfs. No ioctl is made: their numbers mean different
 * things on the different kinds.
 * @throws {VfioError} `ERR_VFIO_NOT_A_DEVICE` when it is not open
 */
export async function identifyDescriptor(fd: number): Promise<DescriptorIdentity> {
  return unwrapAdoption(await binding().identifyDescriptor(fd), `fd:${fd}`)
}

/** The owner of a descriptor that came from elsewhere. Close-on-exec. Dropped without {@link close} it is closed by the garbage collector. */
export class Descriptor implements AsyncDisposable {
  readonly #native: NativeDescriptor

  /** @internal */
  constructor(native: NativeDescriptor) {
    this.#native = native
  }

  /** Over a duplicate of `fd`, which stays its owner's. @throws {VfioSystemError} `EBADF`, `EMFILE` */
  static duplicate(fd: number): Descriptor {
    return new Descriptor(unwrap(binding().duplicateDescriptor(fd)))
  }

  /** Borrowed. @throws {VfioError} `ERR_VFIO_CLOSED` */
  get fd(): number {
    const { descriptor } = this.#native
    if (descriptor < 0) throw new VfioError('ERR_VFIO_CLOSED', 'the descriptor is closed')
    return descriptor
  }

  /** @see identifyDescriptor */
  identify(): Promise<DescriptorIdentity> {
    return identifyDescriptor(this.fd)
  }

  /** For `migration-data`. Every driver of Linux 6.12 counts the bytes; one that did not would always say 0. */
  async position(): Promise<DataPosition> {
    const info = await readFile(`/proc/self/fdinfo/${this.fd}`, 'utf8')
    const bytes = /^pos:\s*([0-9]+)$/m.exec(info)?.[1]
    const flags = /^flags:\s*([0-7]+)$/m.exec(info)?.[1]
    if (bytes === undefined || flags === undefined) {
      throw new VfioError('ERR_VFIO_MALFORMED', '/proc/self/fdinfo tells no position')
    }
    const accessMode = Number.parseInt(flags, 8) & 3
    return { bytes: Number(bytes), direction: accessMode === 0 ? 'save' : 'load' }
  }

  /** Off the event loop and libuv's pool: a driver resets the device when its last descriptor is closed. Idempotent. */
  async close(): Promise<void> {
    await this.#native.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
