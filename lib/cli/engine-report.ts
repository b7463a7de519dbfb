// SPDX-License-Identifier: MIT
// What the commands that talk to another host report: for people, and as data.
import type {
  EnginePhaseReport,
  ReceiveReport,
  RecoverReport,
  RecoveryPlan,
  SendReport,
} from '../engine/index.js'
import { formatBytes, formatMs, formatRate } from '../quantity.js'
import type { CommandReport } from './command-run.js'
import { styled, styledState } from './style.js'
import { columns, facts } from './table.js'

type Digests = readonly (string | undefined)[]

export function sendCommandReport(sent: SendReport, digests: Digests): CommandReport {
  const devices = sent.devices.map((device, index) => ({ ...device, ...digest(digests[index]) }))
  return {
    json: { ...sent, devices },
    text: [
      styled('green', 'sent'),
      facts([
        ['migration', sent.id],
        [
          'moved',
          `${formatBytes(sent.bytes)} in ${formatMs(sent.totalMs)} (${formatRate(sent.bytes, sent.totalMs)})`,
        ],
        ['downtime', `${formatMs(sent.downtimeMs)}: ${partsText(sent)}`],
      ]),
      '',
      columns(
        ['DEVICE', 'STATE', 'THERE', 'STATE', 'BYTES', 'OF THEM BEFORE THE STOP'],
        devices.map(({ device, state, bytes, preCopiedBytes }, index) => [
          device,
          styledState(state),
          sent.destination[index]?.device ?? '?',
          styledState(sent.destination[index]?.state ?? 'unknown'),
          formatBytes(bytes),
          formatBytes(preCopiedBytes),
        ]),
      ),
      ...digestLines(devices),
      '',
      phaseTable(sent.phases),
    ].join('\n'),
  }
}

export function receiveCommandReport(
  received: ReceiveReport,
  digests: Digests,
  ending: { readonly name: string; readonly text: string; readonly heldAs: readonly string[] },
): CommandReport {
  const devices = received.devices.map((device, index) => ({
    ...device,
    ...digest(digests[index]),
    ...(ending.heldAs[index] === undefined ? {} : { heldAs: ending.heldAs[index] }),
  }))
  return {
    json: { ...received, devices, ending: ending.name },
    text: [
      styled('green', 'received'),
      facts([
        ['migration', `${received.id}, from ${received.from}`],
        ['moved', `${formatBytes(received.bytes)} in ${formatMs(received.totalMs)}`],
        ['source', received.confirmed ? 'has let go' : 'has not confirmed that it let go'],
      ]),
      '',
      columns(
        ['DEVICE', 'STATE', 'BYTES'],
        devices.map(({ device, state, bytes }) => [device, styledState(state), formatBytes(bytes)]),
      ),
      ...digestLines(devices),
      '',
      phaseTable(received.phases),
      ending.text,
    ].join('\n'),
  }
}

export function plansReport(
  plans: readonly RecoveryPlan[],
  damaged: readonly { path: string; error: Error }[],
): CommandReport {
  return {
    json: {
      ok: true,
      migrations: plans,
      damaged: damaged.map(({ path, error }) => ({ path, message: error.message })),
    },
    text: [
      ...(plans.length === 0 && damaged.length === 0 ? ['Nothing is left to recover.'] : plans.map(planText)),
      ...damaged.map(({ error }) => `${styled('red', 'damaged')}: ${error.message}`),
    ].join('\n\n'),
  }
}

function planText(plan: RecoveryPlan): string {
  const last = plan.records.at(-1)
  const actions = plan.can.map((action) => `vfio-migrate recover ${plan.id} --side ${plan.side} --${action}`)
  return [
    `${styled('bold', plan.id)} (${plan.side}): ${plan.state}`,
    facts([
      ['known', plan.known],
      ['find out', plan.check],
      ['can', actions.length === 0 ? undefined : actions.join('\n')],
      ['devices', plan.devices.map(deviceText).join(', ')],
      [plan.side === 'source' ? 'sent to' : 'received at', plan.address],
      [
        'last record',
        last === undefined
          ? 'none'
          : `${last.record}, ${last.at}${plan.torn ? ' (another was cut off)' : ''}`,
      ],
    ]),
  ].join('\n')
}

function deviceText({ device, holding, state }: RecoveryPlan['devices'][number]): string {
  return `${device}: ${holding}${state === undefined ? '' : `, in ${state}`}`
}

export function recoverReport(recovered: RecoverReport): CommandReport {
  return {
    json: { ...recovered },
    text: [
      `${styled('green', recovered.state)}: migration ${recovered.id} (${recovered.side})`,
      ...recovered.devices.map(
        ({ device, state, error }) =>
          `  ${device}: ${styledState(state)}${error === undefined ? '' : ` (${error})`}`,
      ),
      recovered.confirmed
        ? 'The other side knows.'
        : 'The other side has not been reached: recover there too.',
    ].join('\n'),
  }
}

function partsText({ downtime }: SendReport): string {
  return downtime.parts
    .filter(({ ms }) => ms > 0)
    .map(({ name, ms }) => `${name} ${formatMs(ms)}`)
    .join(', ')
}

function phaseTable(phases: readonly EnginePhaseReport[]): string {
  return columns(
    ['PHASE', 'TIME', 'BYTES', 'RATE'],
    phases.map(({ name, ms, bytes }) => [
      name,
      formatMs(ms),
      formatBytes(bytes),
      bytes === 0 ? '-' : formatRate(bytes, ms),
    ]),
  )
}

function digest(value: string | undefined): { digest?: string } {
  return value === undefined ? {} : { digest: value }
}

function digestLines(devices: readonly { readonly device: string; readonly digest?: string }[]): string[] {
  return devices.filter((one) => one.digest !== undefined).map(({ device, digest }) => `${device}: ${digest}`)
}
