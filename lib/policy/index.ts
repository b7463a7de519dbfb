// SPDX-License-Identifier: MIT
import type { PreCopySnapshot, SwitchoverAnswer } from '../migration/save-session.js'
export interface SetSnapshot {
  readonly devices: readonly (PreCopySnapshot & { readonly initialLoaded: boolean })[]
}
export type SetPolicy = (snapshot: SetSnapshot) => SwitchoverAnswer | Promise<SwitchoverAnswer>
