// SPDX-License-Identifier: MIT
import { VfioError } from './vfio-error.js'

/** One write to an attribute of sysfs. */
export interface HostWrite {
  /** The attribute's whole path. */
  readonly path: string
  /** What is written, without a newline; `\n` alone where the attribute is cleared. */
  readonly value: string
}

export interface HostChangeFailure {
  /** `ERR_VFIO_HOST_CHANGE` unless it has a code of its own. */
  readonly code?: string
  readonly device: string
  /** What went wrong, in a sentence. */
  readonly message: string
  /** Writes that the kernel took, in order. */
  readonly done: readonly HostWrite[]
  /** Writes that put things back, in order, those that failed left out. */
  readonly undone: readonly HostWrite[]
  /** A write that had not returned when it was given up: the kernel still carries it out. */
  readonly pending?: HostWrite | undefined
  /** Whether the host is as it was before. */
  readonly restored: boolean
  readonly cause?: unknown
}

/** A change of the host (a driver bound, functions created, …) failed or was aborted; says what of it was done and what was put back. */
export class VfioHostChangeError extends VfioError {
  override readonly name: string
  readonly done: readonly HostWrite[]
  readonly undone: readonly HostWrite[]
  readonly pending: HostWrite | undefined
  readonly restored: boolean

  constructor(failure: HostChangeFailure) {
    const { cause, done, restored } = failure
    const end = restored
      ? done.length === 0
        ? 'nothing was changed'
        : 'what was changed has been put back'
      : `NOT everything could be put back: ${done.map(({ path, value }) => `${path} = ${JSON.stringify(value)}`).join(', ')}`
    super(failure.code ?? 'ERR_VFIO_HOST_CHANGE', `${failure.message}; ${end}`, {
      device: failure.device,
      ...('cause' in failure ? { cause } : {}),
    })
    this.name = cause instanceof Error && cause.name === 'AbortError' ? 'AbortError' : 'VfioHostChangeError'
    this.done = done
    this.undone = failure.undone
    this.pending = failure.pending
    this.restored = restored
  }

  override toJSON(): Record<string, unknown> {
    return {
      ...super.toJSON(),
      done: this.done,
      undone: this.undone,
      ...(this.pending === undefined ? {} : { pending: this.pending }),
      restored: this.restored,
    }
  }
}
