// SPDX-License-Identifier: MIT
// What is aimed at, beside what was measured. A row that was not measured has no figure.
import { sinkNames } from './support/sinks.mjs'

const speed = (row, name) => row?.results[name]?.gibPerSecond?.median
const cpu = (row, name) => row?.results[name]?.cpuSecondsPerGib?.median

/** How far apart the same program was from itself. */
function noise(row) {
  const [one, other] = [speed(row, 'best'), speed(row, 'best-again')]
  return one === undefined || other === undefined ? 0 : Math.abs(one / other - 1)
}

/**
 * @typedef {object} Verdict
 * @property {string} what
 * @property {string} target
 * @property {number | undefined} figure
 * @property {string} text the figure for people
 * @property {'pass' | 'in the noise' | 'miss' | 'not measured'} verdict
 */
function verdict(what, figure, bound, { atMost = false, unit = '', digits = 2, slack = 0 } = {}) {
  const target = `${atMost ? 'at most' : 'at least'} ${bound}${unit}`
  if (figure === undefined || Number.isNaN(figure))
    return { what, target, figure: undefined, text: '–', verdict: 'not measured' }
  const text = `${figure.toFixed(digits)}${unit}`
  const met = (limit) => (atMost ? figure <= limit : figure >= limit)
  const loose = atMost ? bound * (1 + slack) : bound * (1 - slack)
  return { what, target, figure, text, verdict: met(bound) ? 'pass' : met(loose) ? 'in the noise' : 'miss' }
}

const ratio = (one, other) => (one === undefined || other === undefined ? undefined : one / other)

/** What is aimed at for bulk data. @param {any[]} dataPath @returns {Verdict[]} */
function bulkVerdicts(dataPath) {
  const rows = []
  const add = (...words) => rows.push(verdict(...words))
  const compare = (row, what, one, other, bound, options) =>
    add(`${what}, ${row.source}, ${sinkNames[row.sink]}`, ratio(speed(row, one), speed(row, other)), bound, {
      slack: noise(row),
      ...options,
    })
  for (const row of dataPath) {
    compare(row, 'pipeTo / best C', 'pipe', 'best', 0.97)
    add(
      `pipeTo / best C, processor time, ${row.source}, ${sinkNames[row.sink]}`,
      ratio(cpu(row, 'pipe'), cpu(row, 'best')),
      1.05,
      { atMost: true, slack: noise(row) },
    )
  }
  const serial = { unix: 1.8, tcp: 1.2, 'tcp-ours': 1.5, tmpfs: 1.4, null: 1 }
  for (const row of dataPath) {
    compare(row, 'pipeTo / serial C', 'pipe', 'serial', row.source === 'v1-mapped' ? 1 : serial[row.sink])
    if (row.sink === 'unix')
      compare(row, 'pipeTo / serial C with equal buffers', 'pipe', 'serial-equal', 1.15)
  }
  for (const row of dataPath) {
    compare(row, 'save / pipeTo', 'save', 'pipe', row.sink === 'null' ? 0.8 : 0.9)
    compare(row, 'iterator, takeover / pipeTo', 'takeover', 'pipe', 0.8)
    compare(row, 'iterator, awaited / pipeTo', 'iterator', 'pipe', 0.75)
  }
  for (const row of dataPath.filter(({ source }) => source === 'v2')) {
    const tcp = row.sink.startsWith('tcp')
    compare(row, 'pipeTo / Node streams', 'pipe', 'streams', tcp ? 3.5 : 8)
    compare(row, 'pipeTo / fs.read + fs.write', 'pipe', 'calls', tcp ? 1.3 : 2)
  }
  return rows
}

/** The figures of bulk data without a judgement, for a machine that the targets do not speak of. @param {any[]} dataPath @returns {Verdict[]} */
export const ratios = (dataPath) =>
  bulkVerdicts(dataPath).map((row) => ({ ...row, verdict: row.figure === undefined ? row.verdict : '' }))

/**
 * @param {{ dataPath?: any[], tls?: any, micro?: any, scale?: any }} results whatever was measured of what npm run bench writes
 * @returns {Verdict[]}
 */
export function verdicts({ dataPath = [], tls, micro, scale = {} }) {
  const rows = bulkVerdicts(dataPath)
  const add = (...words) => rows.push(verdict(...words))
  if (tls !== undefined) {
    const row = { results: tls }
    add('TLS 1.3: bulk channel / node:tls from memory', ratio(speed(row, 'ours'), speed(row, 'plain')), 0.95)
  }
  const { idle, pumping } = scale.lateness ?? {}
  add(
    'event loop late, p99, four devices pumping, above idle',
    pumping && idle && pumping.p99Ms - idle.p99Ms,
    1,
    {
      atMost: true,
      unit: ' ms',
    },
  )
  const biggest = (source) => scale.sizes?.filter((row) => row.source === source).at(-1)
  for (const [source, bound] of [
    ['v2', 12],
    ['v1-mapped', 28],
    ['v1-trapped', 28],
  ]) {
    const size = biggest(source)
    add(
      `peak memory, ${source}, ${size === undefined ? '8' : size.bytes / 2 ** 30} GiB`,
      size?.peakMib,
      bound,
      {
        atMost: true,
        unit: ' MiB',
        digits: 1,
      },
    )
  }
  add('downtime of 8 devices / of 1, 50 ms to stop each', scale.downtime?.ratio, 1.05, { atMost: true })
  add('import of the library above an empty module', micro?.startUp.importMs, 10, {
    atMost: true,
    unit: ' ms',
    digits: 1,
  })
  add('vfio-migrate --version above an empty module', micro?.startUp.versionAboveEmptyMs, 25, {
    atMost: true,
    unit: ' ms',
    digits: 1,
  })
  const above = (place, base) =>
    micro === undefined ? undefined : (micro[place].ours['state-read'] - micro[place].c[base]) / 1000
  add('state read on one core, above the bare ioctl', above('oneCore', 'ioctl'), 8, {
    atMost: true,
    unit: ' µs',
    digits: 1,
  })
  add('state read, above a ping-pong of C threads', above('free', 'ping-pong'), 5, {
    atMost: true,
    unit: ' µs',
    digits: 1,
  })
  add('tiny chunks, pipeTo / C', ratio(micro?.tiny.ours, micro?.tiny.c), 0.9)
  return rows
}
