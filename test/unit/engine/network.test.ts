// SPDX-License-Identifier: MIT
// Two processes in two network namespaces, joined by a cable that can be cut.
import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmod, copyFile } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, expect } from 'vitest'
import { type Answer, EngineSide } from '../../support/engine-side.js'
import { expectedMemory } from '../../support/generator.js'
import { requires } from '../../support/requirement.js'
import { bed } from './two-engines.js'

const COUNT = 8
const SIZE = 64 * 2 ** 20
const CUTS = 20
const BAR2 = 2

const certificate = (name: string): string =>
  fileURLToPath(new URL(`../../fixtures/tls/${name}.pem`, import.meta.url))
/** The key is copied: one that others can read is refused, and git keeps no modes. */
async function tlsOf(host: string, folder: string) {
  const key = join(folder, `${host}-key.pem`)
  await copyFile(certificate(`${host}-key`), key)
  await chmod(key, 0o600)
  return { ca: certificate('authority'), cert: certificate(host), key }
}
// Impatient, so that twenty cut cables take no longer than they must.
const times = { heartbeat: 100, silence: 1000, repeat: 200, farewell: 2500, connect: 4000 }

const here = `vfm${process.pid}a`
const there = `vfm${process.pid}b`
const ip = (...words: string[]): void => void execFileSync('ip', words, { stdio: 'pipe' })

function namespaces(): string | undefined {
  try {
    ip('netns', 'add', here)
    ip('netns', 'add', there)
    ip(
      'link',
      'add',
      `v${process.pid}a`,
      'netns',
      here,
      'type',
      'veth',
      'peer',
      'name',
      `v${process.pid}b`,
      'netns',
      there,
    )
    for (const [name, end, address] of [
      [here, 'a', '192.0.2.1/24'],
      [there, 'b', '192.0.2.2/24'],
    ] as const) {
      ip('-n', name, 'link', 'set', 'lo', 'up')
      ip('-n', name, 'addr', 'add', address, 'dev', `v${process.pid}${end}`)
      ip('-n', name, 'link', 'set', `v${process.pid}${end}`, 'up')
    }
    return undefined
  } catch (error) {
    return (error as Error).message
  }
}

const cable = (state: 'up' | 'down'): void => ip('-n', here, 'link', 'set', `v${process.pid}a`, state)
const failed = namespaces()
afterAll(() => {
  for (const name of [here, there]) {
    try {
      ip('netns', 'del', name)
    } catch {
      // It was never made.
    }
  }
})

const digestOf = (bytes: Uint8Array): string => createHash('sha256').update(bytes).digest('hex')
const seeds = Array.from({ length: COUNT }, (_, index) => index + 1)
let filled: string[]
let empty: string
beforeAll(() => {
  if (failed !== undefined) return
  filled = seeds.map((seed) => digestOf(expectedMemory(seed, SIZE, 0n)))
  empty = digestOf(new Uint8Array(SIZE))
})

const network = requires(
  'two network namespaces and a cable between them',
  failed === undefined,
  `${failed}; it takes root, iproute2 and a kernel with veth`,
)

/** One migration, its cable cut `cutAt` milliseconds after the first data, and mended `mendAfter` milliseconds later. */
async function migration(cutAt?: number, mendAfter?: number) {
  await using two = await bed()
  await using receiver = await EngineSide.start(['ip', 'netns', 'exec', there])
  await using sender = await EngineSide.start(['ip', 'netns', 'exec', here])
  const receiving = receiver.do({
    action: 'receive',
    specs: seeds.map(() => `sim:v2,state=${SIZE}`),
    options: {
      listen: 'tls:192.0.2.2:0',
      tls: await tlsOf('host-a', two.folder),
      allow: [{ certificate: 'host-b.example' }],
      journal: two.destinationJournal,
      times,
      confirmation: 5000,
    },
    abortAfter: 15_000,
    digest: BAR2,
  })
  const listening = await receiving.listening
  const begun = sender.phase('pre-copy')
  begun.catch(() => {})
  const sending = sender.do({
    action: 'send',
    specs: seeds.map((seed) => `sim:v2,state=${SIZE},seed=${seed}`),
    options: {
      to: listening,
      tls: { ...(await tlsOf('host-b', two.folder)), servername: 'host-a.example' },
      journal: two.sourceJournal,
      times,
      patience: 6000,
      preCopy: true,
      strong: true,
    },
    digest: BAR2,
  })
  if (cutAt !== undefined) {
    // A busy machine can be too slow to connect in time: then nothing is cut, and it is given up.
    await Promise.race([begun, sending.answer])
    const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
    await sleep(cutAt)
    cable('down')
    if (mendAfter !== undefined) await sleep(mendAfter).then(() => cable('up'))
  }
  try {
    const [sent, received] = await Promise.all([sending.answer, receiving.answer])
    return { sent, received }
  } finally {
    cable('up')
  }
}

/** What happened, in a word; throws where it is not what docs/commit-protocol.md allows. */
function verdict(sent: Answer, received: Answer): string {
  if (sent.ok) {
    expect(sent.states).toEqual(seeds.map(() => 'stop'))
    expect(received).toMatchObject({ ok: true, states: seeds.map(() => 'running'), read: filled })
    return 'done'
  }
  if (sent.error?.outcome === 'unknown') {
    expect(sent.states).toEqual(seeds.map(() => 'stop'))
    if (received.ok) {
      expect(received.report).toMatchObject({ confirmed: false })
      expect(received.read).toEqual(filled)
      return 'unknown here, running there'
    }
    expect(received).toMatchObject({ error: { outcome: 'waiting' }, states: seeds.map(() => 'stop') })
    return 'unknown here, waiting there'
  }
  expect(sent).toMatchObject({
    error: { outcome: 'aborted' },
    states: seeds.map(() => 'running'),
    read: filled,
  })
  expect(received.ok).toBe(false)
  if (received.error?.outcome === 'waiting') {
    expect(received.states).toEqual(seeds.map(() => 'stop'))
    return 'given up here, waiting there'
  }
  expect(received.error?.outcome).toMatch(/^(aborted|refused)$/)
  expect(received.read).toEqual(seeds.map(() => empty))
  return 'given up'
}

let usualMs = 0
network.it(
  `${COUNT} devices of 64 MiB move over TLS from one namespace to the other`,
  async () => {
    const { sent, received } = await migration()
    expect(verdict(sent, received)).toBe('done')
    const report = sent.report as {
      bytes: number
      totalMs: number
      downtimeMs: number
      devices: unknown[]
      destination: unknown[]
    }
    expect(report.devices).toHaveLength(COUNT)
    expect(report.destination).toHaveLength(COUNT)
    usualMs = report.totalMs
    console.log(
      `8 devices over TLS: ${(report.bytes / 2 ** 20).toFixed(0)} MiB in ${report.totalMs.toFixed(0)} ms, downtime ${report.downtimeMs.toFixed(1)} ms`,
    )
  },
  60_000,
)

network.it(
  `a cable that is cut at ${CUTS} moments leaves what the commit protocol says`,
  async () => {
    const verdicts = new Map<string, number>()
    for (let cut = 0; cut < CUTS; cut++) {
      // One in four about when it is committed.
      const at = (cut % 4 === 3 ? 0.85 + Math.random() * 0.2 : Math.random()) * usualMs
      // Soon enough to go on, too late to go on, or never.
      const mendAfter = [300 + Math.random() * 500, 1500 + Math.random() * 800, undefined][cut % 3]
      const { sent, received } = await migration(at, mendAfter)
      const said = verdict(sent, received)
      verdicts.set(said, (verdicts.get(said) ?? 0) + 1)
    }
    console.log(
      `cable cut ${CUTS} times: ${[...verdicts].map(([said, count]) => `${count} x ${said}`).join(', ')}`,
    )
    expect([...verdicts.values()].reduce((sum, count) => sum + count, 0)).toBe(CUTS)
  },
  400_000,
)
