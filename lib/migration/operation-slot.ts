// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'

/** Room for one operation on a device. A second one is refused rather than queued: it was asked for with another state in mind. */
export class OperationSlot {
  readonly #device: string
  #holder: string | undefined

  constructor(device: string) {
    this.#device = device
  }

  /** Takes the slot; the returned function gives it back, once. @throws {VfioError} `ERR_VFIO_BUSY` */
  take(operation: string): () => void {
    if (this.#holder !== undefined) {
      throw new VfioError('ERR_VFIO_BUSY', `a ${this.#holder} is in progress, so no ${operation} can start`, {
        device: this.#device,
      })
    }
    this.#holder = operation
    let held = true
    return () => {
      if (held) this.#holder = undefined
      held = false
    }
  }
}
