// SPDX-License-Identifier: MIT
// Changes of the host as a list of writes: shown by a dry run, carried out in order, put back when one fails.
import { type HostWrite, VfioAbortError, VfioError, VfioHostChangeError } from '../errors/index.js'
import { AttributeWriter, PendingWriteError, type WritesAttributes } from './attribute-writer.js'
import type { HostRoots } from './sysfs.js'

export interface HostChangeOptions {
  /** Find out what would be written, and write nothing. Default false. */
  readonly dryRun?: boolean
  /**
   * Gives up, and puts back what was changed. A write that has not returned cannot be taken back: the error says that it is `pending`.
   */
  readonly signal?: AbortSignal
  /** Change it although somebody uses it (`ERR_VFIO_IN_USE` otherwise): disks, network interfaces or open devices go. Default false. */
  readonly force?: boolean
  readonly roots?: HostRoots
  /** @internal Who writes. */
  readonly writer?: WritesAttributes
}

/** What was written, or in a dry run would be. */
export interface HostChange {
  /** The device concerned, by its name in sysfs. */
  readonly device: string
  readonly dryRun: boolean
  /** In order; empty when the host is already as it was asked to be. */
  readonly writes: readonly HostWrite[]
}

/** One write of a plan, with what takes it back. */
export interface PlannedWrite extends HostWrite {
  /**
   * What restores the state before it, in order. All the undoing of a plan is done last write first. Left out where another write's undoing
   * takes this one back, too.
   */
  readonly undo?: readonly UndoWrite[]
}

export interface UndoWrite extends HostWrite {
  /** The kernel refuses it where there is nothing to undo. */
  readonly mayFail?: boolean
}

export interface Plan {
  readonly device: string
  readonly writes: readonly PlannedWrite[]
  /** Looks whether it came out as planned; throws if not, and everything is put back. The kernel takes many a write that then has no effect. */
  readonly verify?: () => Promise<void>
}

/**
 * Carries a plan out.
 * @throws {VfioHostChangeError} a write failed, or the outcome is not the one planned
 */
export async function carryOut(plan: Plan, options: HostChangeOptions): Promise<HostChange> {
  const { dryRun = false, signal } = options
  const change = {
    device: plan.device,
    dryRun,
    writes: plan.writes.map(({ path, value }) => ({ path, value })),
  }
  if (dryRun || plan.writes.length === 0) return change
  if (signal?.aborted) throw new VfioAbortError(signal.reason)
  const own = options.writer === undefined ? new AttributeWriter() : undefined
  const writer = options.writer ?? (own as AttributeWriter)
  const done: PlannedWrite[] = []
  let current: PlannedWrite | undefined
  try {
    for (const write of plan.writes) {
      current = write
      await writer.write(write.path, write.value, signal)
      done.push(write)
      current = undefined
    }
    await plan.verify?.()
    return change
  } catch (error) {
    const pending = error instanceof PendingWriteError ? current : undefined
    throw await putBack(plan, writer, { done, pending, cause: error })
  } finally {
    await own?.close()
  }
}

async function putBack(
  plan: Plan,
  writer: WritesAttributes,
  failed: { done: readonly PlannedWrite[]; pending: PlannedWrite | undefined; cause: unknown },
): Promise<VfioHostChangeError> {
  const { done, pending, cause } = failed
  const undone: HostWrite[] = []
  let restored = pending === undefined
  // Behind a write that the kernel has not finished, the next one would wait as long.
  if (pending === undefined) {
    for (const write of done.toReversed().flatMap(({ undo }) => undo ?? [])) {
      try {
        await writer.write(write.path, write.value)
        undone.push({ path: write.path, value: write.value })
      } catch {
        if (!write.mayFail) restored = false
      }
    }
  }
  const { code, message } = cause as { code?: unknown; message?: unknown }
  const waiting =
    pending === undefined
      ? ''
      : ` (the kernel finishes the write of ${JSON.stringify(pending.value)} to ${pending.path} when the device is let go)`
  return new VfioHostChangeError({
    code: failureCode(code),
    device: plan.device,
    message: `${typeof message === 'string' ? message : String(cause)}${waiting}`,
    done: done.map(({ path, value }) => ({ path, value })),
    undone,
    pending: pending && { path: pending.path, value: pending.value },
    restored,
    cause,
  })
}

function failureCode(code: unknown): string {
  if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return 'ERR_VFIO_PERMISSION'
  return typeof code === 'string' ? code : 'ERR_VFIO_HOST_CHANGE'
}

/** The error of a change that cannot be planned. */
export function refusal(
  code: ConstructorParameters<typeof VfioError>[0],
  device: string,
  message: string,
): VfioError {
  return new VfioError(code, message, { device })
}
