// SPDX-License-Identifier: MIT
// A prediction against the fact: rehearse, then migrate the same device.
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, it } from 'vitest'
import {
  checkPrediction,
  forOneDevice,
  type MigratableDevice,
  migrate,
  openDevice,
  qemu,
  type RehearsalOptions,
  rehearse,
  withLimits,
} from '../../../lib/index.js'
import { formatBytes, formatMs } from '../../../lib/quantity.js'

const MIB = 2 ** 20
const STEPS = 0x28
const PAGE = 4096

// 512 KiB each 10 ms, read and then written: some 25 MiB/s, whatever else the machine has to do.
const reads = 'short-read=512KiB,delay=read:10ms'
const writes = 'short-write=512KiB,delay=write:10ms'
const STATE = 32 * MIB
const dirty = `sim:v2,state=32MiB,dirty-rate=12MiB,${reads}`
// Dirtied faster than it can be moved: the policy gives up waiting, and all of it is left.
const restless = `sim:v2,state=32MiB,dirty-rate=100MiB,${reads}`

interface Run {
  readonly name: string
  readonly source: string
  readonly options?: RehearsalOptions
  readonly downtimeLimit: number
}

const runs: readonly Run[] = [
  { name: 'estimated, 300 ms allowed', source: dirty, downtimeLimit: 300 },
  { name: 'estimated, 400 ms allowed', source: dirty, downtimeLimit: 400 },
  { name: 'estimated, 500 ms allowed', source: dirty, downtimeLimit: 500 },
  { name: 'estimated, never settles', source: restless, downtimeLimit: 300 },
  { name: 'quieted', source: dirty, downtimeLimit: 400, options: { quiesce: true } },
  { name: 'stopped, 300 ms allowed', source: dirty, downtimeLimit: 300, options: { stop: true } },
  { name: 'stopped, 500 ms allowed', source: dirty, downtimeLimit: 500, options: { stop: true } },
  {
    name: 'stopped, slowly',
    source: `${dirty},delay=set-state:stop-copy:150ms`,
    downtimeLimit: 500,
    options: { stop: true },
  },
  {
    name: 'stopped, never settles',
    source: restless,
    downtimeLimit: 300,
    options: { quiesce: true, stop: true },
  },
  {
    name: 'stopped, without pre-copy',
    source: `sim:v2,state=32MiB,precopy=off,${reads}`,
    downtimeLimit: 300,
    options: { stop: true },
  },
]

/**
 * The workload goes round and round the memory, and how much of what it dirties lies behind a save depends on where it was when the save
 * began. Neither the rehearsal nor the migration is to be lucky: both begin when it does.
 */
async function workloadAtItsBeginning(device: MigratableDevice): Promise<void> {
  const registers = await device.region(0)
  for (;;) {
    const page = Number(await registers.readRegister(STEPS, 8)) % (STATE / PAGE)
    if (page < STATE / PAGE / 20) return
    await sleep(2)
  }
}

it('a predicted downtime is within a quarter of the fact, in nine runs of ten', async () => {
  const lines: string[] = []
  let good = 0
  // They mostly wait: all at once.
  const run = async ({ name, source, options, downtimeLimit }: Run): Promise<void> => {
    const limits = { totalTimeout: 4000, onLimit: 'switch' } as const
    const policy = {
      switchover: forOneDevice(withLimits(qemu({ downtimeLimit }), limits)),
      switchoverInterval: 20,
    }
    await using device = await openDevice(source)
    await using destination = await openDevice(`sim:v2,state=32MiB,${writes}`)
    await workloadAtItsBeginning(device)
    const prediction = await rehearse(device, { ...policy, ...options })
    await workloadAtItsBeginning(device)
    const report = await migrate(device, destination, { preCopy: true, ...policy })
    const check = checkPrediction(prediction, report)
    const { predicted, actual, error } = check.downtimeMs
    if (Math.abs(error) <= 0.25) good++
    lines.push(
      `${name}: downtime predicted ${formatMs(predicted)}, was ${formatMs(actual)} (${(error * 100).toFixed(0)} %); ` +
        `bytes predicted ${formatBytes(check.bytes.predicted)}, were ${formatBytes(check.bytes.actual)}`,
    )
  }
  await Promise.all(runs.map(run))
  console.log(`rehearsal against fact, ${good} of ${runs.length} within 25 %:\n  ${lines.join('\n  ')}`)
  expect(good).toBeGreaterThanOrEqual(0.9 * runs.length)
}, 120_000)
