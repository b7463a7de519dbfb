// SPDX-License-Identifier: MIT
import type { MigratableDevice, MigrationState, TargetState } from '../../../lib/index.js'

/** Where the devices of a run of the contract suite come from. */
export interface Backend {
  readonly name: string
  readonly protocol: 'v1' | 'v2'
  /** A device that is running and that nobody else uses. The test closes it. */
  open(): Promise<MigratableDevice>
  /** Whether its registers and memory are those of docs/test-device.md. */
  readonly isTestDevice: boolean
  readonly preCopy: boolean
  readonly p2p: boolean
  /** What register access is answered while a save has the device stopped. Default `EIO`, the device's own word. */
  readonly stoppedAccess?: string
  /** Whether a v2 device says what its pre-copy has left. Default true. */
  readonly estimates?: boolean
  /** Whether a load is refused when it ends before all of the state came. Default true; some drivers do not look. */
  readonly refusesPart?: boolean
  /** Whether its DMA log can be had. Default: with v2. */
  readonly dmaLog?: boolean
  /** Whether its address space records what devices write. Default: it does. */
  readonly tracksDirty?: boolean
}

export type { MigrationState, TargetState }
