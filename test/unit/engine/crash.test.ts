// SPDX-License-Identifier: MIT
// Engines that are killed between COMMIT and DONE, their devices behind vfio-user servers that outlive them.
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { jsonOf, type Running, run, start } from '../../support/command.js'
import { EngineSide, type KillPoint } from '../../support/engine-side.js'
import { type Bed, bed, quick } from './two-engines.js'

const SPEC = 'sim:v2,state=1MiB'
const BAR2 = 2

let two: Bed
let servers: Running[]
beforeEach(async () => {
  two = await bed()
  servers = []
})
afterEach(async () => {
  for (const { child, finished } of servers) {
    child.kill('SIGTERM')
    await finished
  }
  await two[Symbol.asyncDispose]()
})

async function served(name: string, spec: string): Promise<string> {
  const socket = join(two.folder, name)
  const server = start(['serve', spec, '--socket', socket, '--json'])
  servers.push(server)
  await server.says('"listening"')
  return `vfio-user:${socket}`
}

interface Plan {
  readonly id: string
  readonly side: string
  readonly state: string
  readonly can: readonly string[]
  readonly devices: readonly { readonly holding: string }[]
}

async function planOf(directory: string): Promise<Plan> {
  const finished = await run(['recover', '--journal', directory, '--all', '--json'])
  expect(finished.code).toBe(0)
  const [plan] = jsonOf(finished).migrations as Plan[]
  return plan as Plan
}

/** One migration of two devices in which one side dies. @returns the id, and the side that lives with what it will answer */
async function interrupted(dying: 'source' | 'destination', killAt: KillPoint) {
  const sources = [await served('a', `${SPEC},seed=1`), await served('b', `${SPEC},seed=2`)]
  const destinations = [await served('c', SPEC), await served('d', SPEC)]
  const receiver = await EngineSide.start()
  const sender = await EngineSide.start()
  const receiving = receiver.do({
    action: 'receive',
    specs: destinations,
    options: { listen: two.address, journal: two.destinationJournal, times: quick },
    ...(dying === 'destination' ? { killAt } : {}),
    digest: BAR2,
  })
  const sending = sender.do({
    action: 'send',
    specs: sources,
    options: {
      to: await receiving.listening,
      journal: two.sourceJournal,
      times: quick,
      preCopy: true,
      id: 'crash',
    },
    ...(dying === 'source' ? { killAt } : {}),
    digest: BAR2,
  })
  const dead = dying === 'source' ? sender : receiver
  expect(await dead.ended).toEqual({ signal: 'SIGKILL' })
  return { sources, destinations, sender, receiver, sending, receiving }
}

describe('a source that dies', () => {
  it.each<[string, KillPoint]>([
    ['when its commit is written and not sent', { record: 'committed' }],
    ['when it has heard that the destination runs', { message: 'running', direction: 'in' }],
  ])('%s is recovered, and the destination alone runs', async (_, killAt) => {
    const { sender, receiver, receiving } = await interrupted('source', killAt)
    await using _sender = sender
    await using _receiver = receiver
    expect(await planOf(two.sourceJournal)).toMatchObject({
      id: 'crash',
      side: 'source',
      state: 'outcome-unknown',
      can: ['finish', 'resume'],
      devices: [{ holding: 'held' }, { holding: 'held' }],
    })
    const recovered = await run(['recover', 'crash', '--journal', two.sourceJournal, '--finish', '--json'])
    expect(recovered.stderr).toBe('')
    expect(jsonOf(recovered)).toMatchObject({
      state: 'done',
      confirmed: true,
      devices: [{ state: 'stop' }, { state: 'stop' }],
    })
    const received = await receiving.answer
    expect(received).toMatchObject({
      ok: true,
      report: { confirmed: true },
      states: ['running', 'running'],
    })
    expect(await planOf(two.destinationJournal)).toMatchObject({ state: 'finished', can: [] })
    expect(await planOf(two.sourceJournal)).toMatchObject({ state: 'finished', can: [] })
  })
})

describe('a destination that dies', () => {
  it.each<[string, KillPoint, string]>([
    ['when it has written the commit and not run', { record: 'committed' }, 'starting'],
    ['when it runs and has not said so', { record: 'running' }, 'starting'],
  ])('%s is recovered, and runs alone', async (_, killAt, state) => {
    const { sender, receiver, sending } = await interrupted('destination', killAt)
    await using _sender = sender
    await using _receiver = receiver
    expect(await planOf(two.destinationJournal)).toMatchObject({
      id: 'crash',
      side: 'destination',
      state,
      can: ['finish'],
      devices: [{ holding: 'held' }, { holding: 'held' }],
    })
    expect(await planOf(two.sourceJournal)).toMatchObject({ state: 'in-progress', can: [] })
    const recovered = await run([
      'recover',
      'crash',
      '--journal',
      two.destinationJournal,
      '--finish',
      '--no-progress',
      '--json',
    ])
    expect(jsonOf(recovered)).toMatchObject({
      state: 'done',
      confirmed: true,
      devices: [{ state: 'running' }, { state: 'running' }],
    })
    expect(await sending.answer).toMatchObject({ ok: true, states: ['stop', 'stop'] })
    expect(await planOf(two.sourceJournal)).toMatchObject({ state: 'finished' })
    expect(await planOf(two.destinationJournal)).toMatchObject({ state: 'finished' })
  })

  it('before it was told to run keeps its copy for the source, and for an operator', async () => {
    const { sender, receiver, sending } = await interrupted('destination', { record: 'loaded' })
    await using _sender = sender
    await using _receiver = receiver
    // The source gives up alone, and runs on.
    expect(await sending.answer).toMatchObject({
      ok: false,
      error: { outcome: 'aborted' },
      states: ['running', 'running'],
    })
    expect(await planOf(two.destinationJournal)).toMatchObject({
      state: 'copy-waiting',
      can: ['finish', 'promote', 'abort'],
    })
    const finishing = start(['recover', 'crash', '--journal', two.destinationJournal, '--finish', '--json'])
    await finishing.says('listening at')
    const told = await run(['recover', 'crash', '--journal', two.sourceJournal, '--finish', '--json'])
    expect(jsonOf(told)).toMatchObject({ state: 'aborted', confirmed: true })
    expect(jsonOf(await finishing.finished)).toMatchObject({ state: 'aborted', confirmed: true })
  })
})
