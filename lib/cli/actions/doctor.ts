// SPDX-License-Identifier: MIT
import { VfioError } from '../../errors/index.js'
import { copiedRoots, diagnose, type Finding } from '../../host/index.js'
import type { CommandContext } from '../command-run.js'
import type { DoctorOptions } from '../commands/doctor.js'
import { exitCodes } from '../exit-codes.js'
import { styled } from '../style.js'
import { UsageError } from '../usage-error.js'

const colours = { ok: 'green', note: 'yellow', problem: 'red' } as const

export async function doctor(
  device: string | undefined,
  options: DoctorOptions,
  { report, signal }: CommandContext,
): Promise<number> {
  if (options.probe && device === undefined) throw new UsageError('--probe opens one device: which?')
  if (options.probe && options.sysfs !== undefined) {
    throw new UsageError('--probe opens a device of this host, and --sysfs is about another')
  }
  const { findings: read } = await diagnose({
    ...(device === undefined ? {} : { device }),
    ...(options.sysfs === undefined ? {} : { roots: await copiedRoots(options.sysfs) }),
  })
  const findings = options.probe && device !== undefined ? [...read, ...(await probed(device, signal))] : read
  const problems = findings.filter(({ severity }) => severity === 'problem').length
  report({
    json: { ok: problems === 0, ...(device === undefined ? {} : { device }), findings },
    text: [...findings.map(findingText), '', summary(problems)].join('\n'),
  })
  return problems === 0 ? exitCodes.ok : exitCodes.failure
}

async function probed(device: string, signal: AbortSignal): Promise<Finding[]> {
  const { openDevice } = await import('../../index.js')
  const found = (id: string, severity: Finding['severity'], what: string): Finding => ({
    id,
    severity,
    device,
    what,
    why: undefined,
    command: undefined,
    bootParameter: undefined,
  })
  try {
    await using opened = await openDevice(device, { signal })
    const opens = found('probe-open', 'ok', `${device} can be opened`)
    try {
      const migration = await opened.migration()
      const state = await migration.state()
      const { preCopy, p2p } = migration.capabilities
      const offers = ['stop-copy', ...(p2p ? ['p2p'] : []), ...(preCopy ? ['pre-copy'] : [])].join(', ')
      return [
        opens,
        found(
          'probe-migration',
          'ok',
          `${device} says that it can migrate, by protocol ${migration.protocol} (${offers}); it is in ${state}`,
        ),
      ]
    } catch (error) {
      if (!(error instanceof VfioError && error.code === 'ERR_VFIO_NOT_MIGRATABLE')) throw error
      return [
        opens,
        found('probe-migration', 'note', `${device} says that it cannot migrate: ${error.message}`),
      ]
    }
  } catch (error) {
    if (!(error instanceof VfioError) || error.code === 'ABORT_ERR') throw error
    return [found('probe-open', 'problem', `${device} cannot be opened: ${error.message}`)]
  }
}

function findingText({ severity, what, why, command, bootParameter }: Finding): string {
  const indent = ' '.repeat(9)
  return [
    `${styled(colours[severity], severity.padEnd(9))}${what}`,
    ...(why === undefined || severity === 'ok' ? [] : [`${indent}${why}`]),
    ...(command === undefined ? [] : [`${indent}$ ${command}`]),
    ...(bootParameter === undefined ? [] : [`${indent}boot parameter: ${bootParameter}`]),
  ].join('\n')
}

function summary(problems: number): string {
  if (problems === 0) return styled('green', 'nothing stands in the way')
  return styled('red', problems === 1 ? '1 problem' : `${problems} problems`)
}
