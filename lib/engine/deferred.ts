// SPDX-License-Identifier: MIT
// The engines as users call them. They, TLS and cryptography below them are loaded by the first call: whoever imports the library to open
// a device pays nothing for them.
import type { JournalSummary } from '../commit/journal.js'
import type { MigratableDevice } from '../migration/migratable-device.js'
import type { ReceiveOptions } from './receive.js'
import type { ReceiveReport } from './receive-report.js'
import type { RecoverDestinationOptions, RecoverReport, RecoverSourceOptions } from './recover.js'
import type { RecoveryPlan } from './recovery-plan.js'
import type { SendOptions } from './send-options.js'
import type { SendReport } from './send-report.js'

/**
 * Sends the state of devices to an engine on another host ({@link receive}), as one: either all of it runs there, or all of it goes on here,
 * or the outcome is known to be unknown; never both (docs/commit-protocol.md). The devices end in `stop` here. They stay open: close them
 * when it is done.
 * @throws {VfioEngineError} with the `outcome` and where the devices are
 */
export async function send(devices: readonly MigratableDevice[], options: SendOptions): Promise<SendReport> {
  return (await import('./send.js')).send(devices, options)
}

/**
 * Waits for an engine on another host ({@link send}) and loads what it sends into `devices`, in the order in which it names its own, as one.
 * Resolves when they run here and the source has confirmed that it let go. They stay open, and lose what they hold when nobody has them open.
 * @throws {VfioEngineError} with the `outcome` and where the devices are
 */
export async function receive(
  devices: readonly MigratableDevice[],
  options: ReceiveOptions,
): Promise<ReceiveReport> {
  return (await import('./receive.js')).receive(devices, options)
}

/**
 * Takes up a migration of this host's whose engine died: leads the devices where the journal and the destination say.
 * @param devices opened again from whoever held them, in the order of the journal; empty: they are lost
 * @throws {VfioEngineError} the outcome is still unknown, or the devices are lost
 * @throws {VfioError} `ERR_VFIO_BUSY`: the engine lives; `ERR_VFIO_JOURNAL`
 */
export async function recoverSource(
  devices: readonly MigratableDevice[],
  options: RecoverSourceOptions,
): Promise<RecoverReport> {
  return (await import('./recover.js')).recoverSource(devices, options)
}

/**
 * Takes up a migration into this host whose engine died: keeps, runs or gives up the copy, as the journal and the source say.
 * @param devices opened again from whoever held them, in the order of the journal; empty: they are lost
 * @throws {VfioEngineError} the copy still waits for the source's word, or may have run and is lost
 * @throws {VfioError} `ERR_VFIO_BUSY`: the engine lives; `ERR_VFIO_JOURNAL`
 */
export async function recoverDestination(
  devices: readonly MigratableDevice[],
  options: RecoverDestinationOptions,
): Promise<RecoverReport> {
  return (await import('./recover.js')).recoverDestination(devices, options)
}

/** What `summary` means, among `all` journals of its directory. Asks the keepers that hold its devices, and opens no device. */
export async function planRecovery(
  summary: JournalSummary,
  all: readonly JournalSummary[] = [],
): Promise<RecoveryPlan> {
  return (await import('./recovery-plan.js')).planRecovery(summary, all)
}
