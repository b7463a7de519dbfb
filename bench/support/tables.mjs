// SPDX-License-Identifier: MIT
// Results as rows of text, for the terminal and for the README.
import Table from 'cli-table3'
import { contenderNames } from '../data-path.mjs'
import { sinkNames } from './sinks.mjs'

const spread = ({ median, low, high }) => `${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)})`

export function dataPathRows(rows) {
  const head = ['source', 'sink', 'contender', 'GiB/s (quartiles)', 'CPU s/GiB', 'peak KiB', 'late ms', 'n']
  const body = rows.flatMap(({ source, sink, results }) =>
    Object.entries(results).map(([name, figures]) => [
      source,
      sinkNames[sink] ?? sink,
      contenderNames[name] ?? name,
      ...(figures.broken === undefined
        ? [
            spread(figures.gibPerSecond),
            figures.cpuSecondsPerGib.median.toFixed(3),
            String(figures.peakKiB),
            figures.latenessMs?.median.toFixed(1) ?? '–',
            String(figures.gibPerSecond.n),
          ]
        : [`not measured: ${figures.broken.split('\n')[0].slice(0, 60)}`, '–', '–', '–', '0']),
    ]),
  )
  return { head, body }
}

const figure = (figures) =>
  figures === undefined || figures.broken !== undefined ? '–' : figures.gibPerSecond.median.toFixed(2)

/** One row for each source and sink, one column for each contender that says most. */
export function overviewRows(rows) {
  const columns = ['pipe', 'save', 'iterator', 'takeover', 'best', 'serial', 'calls', 'streams'].filter(
    (name) => rows.some(({ results }) => results[name] !== undefined && results[name].broken === undefined),
  )
  return {
    head: ['source', 'sink', ...columns.map((name) => contenderNames[name])],
    body: rows.map(({ source, sink, results }) => [
      source,
      sinkNames[sink],
      ...columns.map((name) => figure(results[name])),
    ]),
  }
}

const drawn = ['pipe', 'save', 'best', 'serial', 'streams']

/** What the picture shows. */
export function speedGroups(rows) {
  return rows.map(({ source, sink, results }) => ({
    name: `${source}, ${sinkNames[sink]}`,
    bars: drawn
      .filter((name) => results[name] !== undefined && results[name].broken === undefined)
      .map((name) => {
        const { median, low, high } = results[name].gibPerSecond
        return { name: contenderNames[name], value: median, low, high }
      }),
  }))
}

export function tlsRows(results = {}) {
  const names = {
    ours: 'bulk channel, fed by a pump',
    plain: 'node:tls, fed from memory',
    'plain-again': 'node:tls again (A/A)',
  }
  return {
    head: ['contender', 'GiB/s (quartiles)', 'CPU s/GiB', 'late ms', 'n'],
    body: Object.entries(results)
      .filter(([, figures]) => figures.broken === undefined)
      .map(([name, { gibPerSecond, cpuSecondsPerGib, latenessMs }]) => [
        names[name],
        spread(gibPerSecond),
        cpuSecondsPerGib.median.toFixed(3),
        latenessMs?.median.toFixed(1) ?? '–',
        String(gibPerSecond.n),
      ]),
  }
}

const microseconds = (nanoseconds) =>
  nanoseconds === undefined ? '–' : `${(nanoseconds / 1000).toFixed(2)} µs`

export function microRows(micro) {
  if (micro === undefined) return { head: [], body: [] }
  const { startUp, free, oneCore, tiny } = micro
  const operation = (what, name, bare) =>
    [
      ['free', free],
      ['one core', oneCore],
    ].map(([place, { c, ours }]) => [`${what}, ${place}`, microseconds(ours[name]), microseconds(c[bare])])
  return {
    head: ['what', 'library', 'C'],
    body: [
      ['import, above an empty module', `${startUp.importMs.toFixed(1)} ms`, '–'],
      [
        '`vfio-migrate --version`, above an empty module',
        `${startUp.versionAboveEmptyMs.toFixed(1)} ms`,
        '–',
      ],
      ['load of the addon', startUp.addonMs === undefined ? '–' : `${startUp.addonMs.toFixed(1)} ms`, '–'],
      ...operation('state read (C: a bare ioctl)', 'state-read', 'ioctl'),
      ...operation('state read (C: ping-pong of two threads)', 'state-read', 'ping-pong'),
      ...operation('transition (C: the same call)', 'transition', 'transition'),
      ...operation('register read (C: a bare pread)', 'register-read', 'pread'),
      ...operation('turn of the iterator, 64 KiB (C: the same read)', 'iterator-turn', 'chunk-read'),
      ['tiny chunks of v1, free', `${tiny.ours.toFixed(0)} MiB/s`, `${tiny.c.toFixed(0)} MiB/s`],
    ],
  }
}

export function scaleRows(scale = {}) {
  const size = (bytes) => (bytes >= 2 ** 30 ? `${bytes / 2 ** 30} GiB` : `${bytes / 2 ** 20} MiB`)
  const downtime = (name, what) =>
    scale[name] === undefined
      ? []
      : [[what, `${scale[name].oneMs.toFixed(1)} ms for one, ${scale[name].eightMs.toFixed(1)} ms for eight`]]
  return {
    head: ['what', 'measured'],
    body: [
      ...(scale.devices ?? []).map(({ count, gibPerSecond, threadsPerDevice, kibPerDevice }) => [
        `${count} ${count === 1 ? 'device' : 'devices at once'}, 1 GiB in all`,
        `${gibPerSecond.toFixed(2)} GiB/s; ${threadsPerDevice.toFixed(1)} threads and ${kibPerDevice.toFixed(0)} KiB each`,
      ]),
      ...(scale.sizes ?? []).map(({ source, bytes, secondsPerGib, peakMib }) => [
        `${source}, ${size(bytes)}`,
        `${secondsPerGib.toFixed(3)} s per GiB, peak ${peakMib.toFixed(1)} MiB`,
      ]),
      ...(scale.lateness === undefined
        ? []
        : [
            [
              'event loop late, p99: idle, and while four devices pump',
              `${scale.lateness.idle.p99Ms.toFixed(2)} ms, ${scale.lateness.pumping.p99Ms.toFixed(2)} ms`,
            ],
          ]),
      ...downtime('downtime', 'downtime, 50 ms to stop a device, no data'),
      ...downtime('downtime16MiB', 'downtime, 50 ms to stop a device, 16 MiB each'),
    ],
  }
}

export const machineLine = ({ processor, processors, memoryGib, kernel, node, date, commit }) =>
  `${processor}, ${processors} processors, ${memoryGib} GiB, Linux ${kernel}, Node ${node}, ${date}, at ${commit}`

export function verdictRows(verdicts) {
  return {
    head: ['what', 'target', 'measured', ''],
    body: verdicts.map(({ what, target, text, verdict }) => [what, target, text, verdict]),
  }
}

export function forTerminal({ head, body }) {
  const table = new Table({ head, style: { head: [], border: [], compact: true } })
  table.push(...body)
  return table.toString()
}

export function forMarkdown({ head, body }) {
  const line = (cells) => `| ${cells.join(' | ')} |`
  return [line(head), line(head.map(() => '---')), ...body.map(line)].join('\n')
}
