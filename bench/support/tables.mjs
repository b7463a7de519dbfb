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
