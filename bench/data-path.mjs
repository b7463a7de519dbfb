// SPDX-License-Identifier: MIT
// Bulk data: each source into each sink by each contender.
import { fileURLToPath } from 'node:url'
import { contest } from './support/contest.mjs'
import { programs } from './support/programs.mjs'
import { isSocket, sinkNames } from './support/sinks.mjs'

const script = (name) => fileURLToPath(new URL(`contenders/${name}.mjs`, import.meta.url))

export const sources = ['v2', 'v1-mapped', 'v1-trapped']

/** Names of contenders, with what they are called in tables. */
export const contenderNames = {
  pipe: 'pipeTo, raw',
  save: 'save, framed',
  'save-strong': 'save, framed, strong',
  iterator: 'iterator, awaited write',
  takeover: 'iterator, takeover write',
  best: 'best C',
  'best-again': 'best C again (A/A)',
  serial: 'serial C, 1 MiB',
  'serial-equal': 'serial C, equal buffers',
  calls: 'Node fs.read + fs.write',
  streams: 'Node streams',
}

/** The threads of the library that move bulk data run with it (native/core/threads/background.h), and so do the contenders in C. */
const NICENESS = '10'

/** So far from the others that more rounds would tell nothing. */
const slow = ['save-strong', 'calls', 'streams']

function contestantsFor(source, sink, bytes, device) {
  const size = ['--bytes', String(bytes), '--fd', '@fd']
  const seekable = sink === 'tmpfs' ? ['--seekable', 'yes'] : []
  const of = device === undefined ? [] : ['--device', device.path]
  const c = (name, ...more) => ({
    name: more.length > 0 && more[0].startsWith('as:') ? more.shift().slice(3) : name,
    command: [
      programs.reference,
      ...['--contender', name, '--source', source, '--nice', NICENESS],
      ...size,
      ...of,
      ...more,
    ],
  })
  const library = (way) => ({
    name: way,
    command: [
      process.execPath,
      script('library'),
      '--way',
      way,
      '--source',
      source,
      ...size,
      ...seekable,
      ...(device === undefined ? [] : ['--device', device.spec]),
    ],
  })
  const plain = (way) => ({
    name: way,
    blocking: way === 'calls', // fs.write() ends with EAGAIN where it would have to wait
    command: [
      process.execPath,
      script('plain-node'),
      '--way',
      way,
      ...size,
      ...seekable,
      '--socket',
      isSocket(sink) ? 'yes' : 'no',
    ],
  })
  return [
    ...['pipe', 'save', 'save-strong', 'iterator', 'takeover'].map(library),
    c('best'),
    c('best', 'as:best-again'),
    c('serial'),
    ...(sink === 'unix' ? [c('serial', 'as:serial-equal', '--sndbuf', String(2 ** 20))] : []),
    // Nothing of the device is in it: once per sink is enough.
    ...(source === 'v2' ? [plain('calls'), plain('streams')] : []),
  ]
}

/**
 * @param {object} options
 * @param {number} options.bytes of state
 * @param {number} options.rounds of files
 * @param {number} [options.socketRounds] sockets vary more
 * @param {(name: string) => boolean} options.wanted
 * @param {(text: string) => void} options.say
 * @param {{ path: string, spec: string, bytes: number }[]} [options.devices] of a kernel, by source; without: simulated
 */
export async function dataPath({
  bytes,
  rounds,
  wanted,
  say,
  signal,
  devices,
  socketRounds = Math.round(rounds * 3.6),
  sinks = Object.keys(sinkNames),
}) {
  const rows = []
  for (const source of sources) {
    for (const sink of sinks) {
      const name = `${source}/${sink}`
      if (!wanted(name) || signal.aborted) continue
      const device = devices?.[source]
      if (devices !== undefined && device === undefined) continue
      say(name)
      const contestants = contestantsFor(source, sink, device?.bytes ?? bytes, device).map((one) =>
        slow.includes(one.name) ? { ...one, rounds } : one,
      )
      rows.push({
        source,
        sink,
        results: await contest({
          sink,
          contestants,
          rounds: isSocket(sink) ? socketRounds : rounds,
          signal,
        }),
      })
    }
  }
  return rows
}

/** TLS: the reader and the encryption are in both contenders; the state is smaller, since TLS is slow. */
export async function tls({ bytes, rounds, wanted, say, signal }) {
  if (!wanted('tls') || signal.aborted) return undefined
  say('tls')
  const contestants = ['ours', 'plain', 'plain-again'].map((name) => ({
    name,
    command: [
      process.execPath,
      script('tls'),
      '--way',
      name === 'ours' ? 'ours' : 'plain',
      '--bytes',
      String(Math.min(bytes, 2 ** 28)),
    ],
  }))
  return await contest({ sink: 'null', contestants, rounds, signal })
}
