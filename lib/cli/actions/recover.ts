// SPDX-License-Identifier: MIT
import { defaultJournalDirectory, Journal } from '../../commit/journal.js'
import { planRecovery, type RecoveryPlan, recoverDestination, recoverSource } from '../../engine/index.js'
import type { CommandContext } from '../command-run.js'
import type { RecoverCommandOptions } from '../commands/recover.js'
import { type DeviceSet, openDevices } from '../device-set.js'
import { untilAborted } from '../ending.js'
import { journalOf, tlsOf } from '../engine-options.js'
import { plansReport, recoverReport } from '../engine-report.js'
import { UsageError } from '../usage-error.js'

export async function recover(
  id: string | undefined,
  options: RecoverCommandOptions,
  context: CommandContext,
): Promise<undefined> {
  const { side, finish = false, resume = false, promote = false, abort = false } = options
  const directory = options.journal ?? defaultJournalDirectory()
  const { journals, damaged } = await Journal.list(directory)
  const meant = journals.filter(
    (journal) => (id === undefined || journal.id === id) && (side === undefined || journal.side === side),
  )
  const plans = await Promise.all(meant.map((journal) => planRecovery(journal, journals)))
  if (!finish && !resume && !promote && !abort) {
    if (id !== undefined && plans.length === 0) throw noSuch(id, directory)
    const shown = plans.filter(({ can }) => options.all === true || id !== undefined || can.length > 0)
    context.report(plansReport(shown, damaged))
    return undefined
  }
  if (id === undefined) throw new UsageError('which migration? vfio-migrate recover lists them')
  const [plan, another] = plans
  if (plan === undefined) throw noSuch(id, directory)
  if (another !== undefined)
    throw new UsageError(`both sides of ${id} are on this host: say --side source or --side destination`)
  await finishOne(plan, options, context)
  return undefined
}

async function finishOne(
  plan: RecoveryPlan,
  options: RecoverCommandOptions,
  context: CommandContext,
): Promise<void> {
  const { resume = false, promote = false, abort = false, to, listen, allInterfaces = false } = options
  const { signal } = context
  const held = plan.state !== 'superseded' && plan.devices.every(({ holding }) => holding === 'held')
  await using devices: DeviceSet = await openDevices(
    held ? plan.devices.map(({ device }) => device) : [],
    signal,
    { keepState: true },
  )
  const common = {
    id: plan.id,
    signal,
    ...journalOf(options),
    ...tlsOf(options, to ?? listen ?? plan.address),
  }
  if (plan.side === 'source') {
    if (promote || abort) throw new UsageError('--promote and --abort are for the destination of a migration')
    context.report(
      recoverReport(
        await recoverSource(devices.list, { ...common, resume, ...(to === undefined ? {} : { to }) }),
      ),
    )
  } else {
    if (resume) throw new UsageError('--resume is for the source of a migration')
    const decide = promote ? ('promote' as const) : abort ? ('abort' as const) : undefined
    context.report(
      recoverReport(
        await recoverDestination(devices.list, {
          ...common,
          allInterfaces,
          ...(decide === undefined ? {} : { decide }),
          ...(listen === undefined ? {} : { listen }),
          onListening: (address) => context.progress.note(`listening at ${address} for the source`),
        }),
      ),
    )
  }
  if (options.hold) await untilAborted(signal)
}

function noSuch(id: string, directory: string): UsageError {
  return new UsageError(`there is no journal of a migration ${id} in ${directory} (--journal DIRECTORY)`)
}
