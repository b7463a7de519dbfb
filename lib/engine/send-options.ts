// SPDX-License-Identifier: MIT
import type { SaveSetOptions } from '../coordinator/save-set.js'
import type { MemoryOwner } from '../memory/memory-owner.js'
import type { MemoryLimits } from '../memory/memory-pace.js'
import type { SetPolicy } from '../policy/index.js'
import type { RecorderOptions } from '../recorder/index.js'
import type { EngineProgress } from './engine-clock.js'
import type { SendLimits } from './send-limits.js'
import type { SourceConnectionOptions } from './source-connections.js'
import type { EngineTimes } from './times.js'

export interface SendOptions
  extends Omit<SaveSetOptions, 'policy' | 'onStopping' | 'direct' | 'continueAt'>,
    SourceConnectionOptions,
    SendLimits,
    RecorderOptions {
  /** The one-shot token that the destination wants. */
  readonly token?: string
  /** What this migration is called on both sides, once and for all. Default: a random UUID. */
  readonly id?: string
  /** Where the journal is kept: a directory on a disk that survives a crash. Default {@link defaultJournalDirectory}. */
  readonly journal?: string
  /** Whether to leave pre-copy, asked for all devices together. Default: when all of them have been drained once. */
  readonly policy?: SetPolicy
  /** Several devices of which not all can be quieted before any stops: only for devices that do no DMA to one another. Default false. */
  readonly allowWithoutP2p?: boolean
  /** A SHA-256 with every data frame. Default false. */
  readonly strong?: boolean
  /** Also sends command register and interrupts in use. Default true. */
  readonly wiring?: boolean
  /** The memory that the devices write by DMA, sent along: {@link dmaMemory}, or an owner of one's own (docs/dirty-memory.md). */
  readonly memory?: MemoryOwner
  /** When enough of the memory was sent for the devices to stop. */
  readonly memoryLimits?: MemoryLimits
  readonly times?: EngineTimes
  /**
   * Milliseconds to wait for the destination's answer once it is committed; then the call rejects with the outcome `unknown`, the devices
   * still stopped and open. Default: no limit.
   */
  readonly patience?: number
  /** Gives up and undoes everything; once it is committed, only ends the waiting (outcome `unknown`). */
  readonly signal?: AbortSignal
  /** Once it is committed, `signal` does nothing any more: for a process whose end would lose the devices. Default false. */
  readonly holdOn?: boolean
  readonly onProgress?: (progress: EngineProgress) => void
  /** Milliseconds between two reports of progress within a phase. Default 100. */
  readonly progressInterval?: number
}
