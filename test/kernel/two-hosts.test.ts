// SPDX-License-Identifier: MIT
// Devices of a real kernel that move as one from one process to another, and engines that die on the way with a keeper holding the devices.
import { createHash, randomUUID } from 'node:crypto'
import { existsSync, writeFileSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, it } from 'vitest'
import { Journal } from '../../lib/commit/journal.js'
import { planRecovery } from '../../lib/index.js'
import { jsonOf, type Running, run, start } from '../support/command.js'
import { EngineSide, type KillPoint, type Order } from '../support/engine-side.js'
import { expectedMemory } from '../support/generator.js'
import { requires } from '../support/requirement.js'
import { createTestDevice, hasTestModule, removeDevice } from './support/mdev.js'

const MTTY = '/sys/class/mdev_bus/mtty/mdev_supported_types/mtty-2/create'
const STATE = 1 << 20
// Whatever is written to mtty's scratch register stays, and is migrated.
const scratch = (device: number) => ({ device, region: 0, offset: 7, width: 1 })
// The registers of docs/test-device.md that fill its memory.
const fill = (device: number, seed: number) => [
  { device, region: 0, offset: 0x18, width: 4, value: seed },
  { device, region: 0, offset: 0x1c, width: 4, value: 1 },
]
const memoryOf = (seed: number): string =>
  createHash('sha256')
    .update(expectedMemory(seed, STATE, 0n))
    .digest('hex')

// Software emulation is slow, and a heartbeat that is late is no dead engine.
const times = { heartbeat: 500, silence: 20_000, repeat: 500, farewell: 20_000, connect: 20_000 }

let folder: string
let made: string[]
let keepers: Running[]
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'vfm-two-'))
  made = []
  keepers = []
})
afterEach(async () => {
  for (const { child, finished } of keepers) {
    child.kill('SIGTERM')
    await finished
  }
  for (const uuid of made) await removeDevice(uuid)
  await rm(folder, { recursive: true, force: true })
})

function mtty(): string {
  const uuid = randomUUID()
  writeFileSync(MTTY, uuid)
  made.push(uuid)
  return uuid
}

function testDevice(): string {
  const uuid = createTestDevice('v1-mapped', { state_bytes: STATE, chunk_bytes: 128 << 10 })
  made.push(uuid)
  return uuid
}

/** @returns what the two processes answered */
async function move(
  sources: readonly string[],
  destinations: readonly string[],
  order: Pick<Order, 'before' | 'registers' | 'digest' | 'of'>,
  options: Record<string, unknown> = {},
) {
  await using receiver = await EngineSide.start()
  await using sender = await EngineSide.start()
  const receiving = receiver.do({
    action: 'receive',
    specs: destinations,
    options: {
      listen: `unix:${join(folder, 'socket')}`,
      journal: join(folder, 'there'),
      times,
      allowWithoutP2p: true,
      confirmation: 20_000,
    },
    abortAfter: 60_000,
    ...order,
    before: [],
  })
  const to = await receiving.listening
  const sending = sender.do({
    action: 'send',
    specs: sources,
    options: { to, journal: join(folder, 'here'), times, preCopy: true, ...options },
    before: order.before ?? [],
  })
  const sent = await sending.answer
  if (sent.error?.outcome === 'refused') return { sent, received: undefined }
  return { sent, received: await receiving.answer }
}

requires(
  "mtty and the project's module",
  existsSync(MTTY) && hasTestModule,
  'npm run test:kernel brings a kernel that has them',
).describe('devices of a kernel', () => {
  it('move together from one process to another: two of mtty', async () => {
    const { sent, received } = await move([mtty(), mtty()], [mtty(), mtty()], {
      before: [
        { ...scratch(0), value: 0x5a },
        { ...scratch(1), value: 0xa5 },
      ],
      registers: [scratch(0), scratch(1)],
    })
    expect(sent).toMatchObject({ ok: true, states: ['stop', 'stop'] })
    expect(received).toMatchObject({
      ok: true,
      states: ['running', 'running'],
      read: [`${0x5a}`, `${0xa5}`],
    })
    console.log(`two of mtty: downtime ${(sent.report as { downtimeMs: number }).downtimeMs.toFixed(1)} ms`)
  })

  it('move from one process to another: one of protocol v1', async () => {
    const { sent, received } = await move([testDevice()], [testDevice()], {
      before: fill(0, 7),
      digest: 2,
    })
    expect(sent).toMatchObject({ ok: true, states: ['stop'] })
    expect(received).toMatchObject({ ok: true, states: ['running'], read: [memoryOf(7)] })
  })

  it('are refused by name as one set when one has no P2P states, and move when that is allowed', async () => {
    const sources = [mtty(), mtty(), testDevice()]
    const destinations = [mtty(), mtty(), testDevice()]
    const before = [{ ...scratch(0), value: 1 }, { ...scratch(1), value: 2 }, ...fill(2, 9)]
    const refused = await move(sources, destinations, { before })
    expect(refused.sent).toMatchObject({
      ok: false,
      error: { code: 'ERR_VFIO_NO_P2P', message: expect.stringContaining(sources[2] as string) },
      states: ['running', 'running', 'running'],
    })
    const { sent, received } = await move(
      sources,
      destinations,
      { before, registers: [scratch(0), scratch(1)], digest: 2, of: [2] },
      { allowWithoutP2p: true },
    )
    expect(sent).toMatchObject({ ok: true, states: ['stop', 'stop', 'stop'] })
    expect(received).toMatchObject({
      ok: true,
      states: ['running', 'running', 'running'],
      read: ['1', '2', memoryOf(9)],
    })
  })

  /** Devices behind a keeper, by the specifications under which it lends them. */
  async function kept(name: string, uuids: readonly string[]): Promise<string[]> {
    const socket = join(folder, name, 'socket')
    const keeper = start(['hold', ...uuids, '--socket', socket, '--json'])
    keepers.push(keeper)
    await keeper.says(socket)
    return uuids.map((uuid) => `held:${socket}#${uuid}`)
  }

  async function planOf(side: 'here' | 'there'): Promise<Record<string, unknown>> {
    const listed = await run(['recover', '--journal', join(folder, side), '--all', '--json'])
    return (jsonOf(listed).migrations as Record<string, unknown>[])[0] as Record<string, unknown>
  }

  it.each<['source' | 'destination', string, KillPoint]>([
    ['source', 'its commit is written', { record: 'committed' }],
    ['source', 'it hears that the other side runs', { message: 'running', direction: 'in' }],
    ['destination', 'it has written the commit', { record: 'committed' }],
    ['destination', 'its devices run', { record: 'running' }],
  ])('whose %s is killed when %s are recovered from their keepers', async (dying, _, killAt) => {
    const sources = await kept('a', [mtty(), mtty()])
    const destinations = await kept('b', [mtty(), mtty()])
    await using receiver = await EngineSide.start()
    await using sender = await EngineSide.start()
    const receiving = receiver.do({
      action: 'receive',
      specs: destinations,
      options: { listen: `unix:${join(folder, 'socket')}`, journal: join(folder, 'there'), times },
      registers: [scratch(0), scratch(1)],
      ...(dying === 'destination' ? { killAt } : {}),
    })
    const sending = sender.do({
      action: 'send',
      specs: sources,
      options: { to: await receiving.listening, journal: join(folder, 'here'), times, id: 'killed' },
      before: [
        { ...scratch(0), value: 0x11 },
        { ...scratch(1), value: 0x22 },
      ],
      ...(dying === 'source' ? { killAt } : {}),
    })
    await (dying === 'source' ? sender : receiver).ended
    const side = dying === 'source' ? 'here' : 'there'
    expect(await planOf(side)).toMatchObject({
      state: dying === 'source' ? 'outcome-unknown' : 'starting',
      devices: [{ holding: 'held' }, { holding: 'held' }],
      can: dying === 'source' ? ['finish', 'resume'] : ['finish'],
    })
    const recovered = await run(['recover', 'killed', '--journal', join(folder, side), '--finish', '--json'])
    expect(jsonOf(recovered)).toMatchObject({ ok: true, state: 'done', confirmed: true })
    if (dying === 'source') {
      expect(await receiving.answer).toMatchObject({
        ok: true,
        states: ['running', 'running'],
        read: [`${0x11}`, `${0x22}`],
      })
    } else {
      expect(await sending.answer).toMatchObject({ ok: true, states: ['stop', 'stop'] })
    }
    for (const one of ['here', 'there']) {
      const { journals } = await Journal.list(join(folder, one))
      expect(await Promise.all(journals.map((journal) => planRecovery(journal)))).toMatchObject([
        { state: 'finished', can: [] },
      ])
    }
    // The keepers hold them as they were left.
    await using after = await EngineSide.start()
    const left = after.do({
      action: 'send',
      specs: destinations,
      options: { to: 'unix:/nowhere', journal: join(folder, 'after'), times: { ...times, connect: 500 } },
      open: { keepState: true },
      registers: [scratch(0), scratch(1)],
    })
    expect(await left.answer).toMatchObject({
      states: ['running', 'running'],
      read: [`${0x11}`, `${0x22}`],
    })
  })
})
