#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// node bench/report.mjs: puts the results of npm run bench, and of npm run bench:kernel where there are any, into the README's section on
// performance, docs/performance.md and docs/performance.svg. Nothing there between the markers is written by hand.
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { barChart } from './support/chart.mjs'
import { withSection } from './support/sections.mjs'
import {
  dataPathRows,
  forMarkdown,
  machineLine,
  microRows,
  overviewRows,
  scaleRows,
  speedGroups,
  tlsRows,
  verdictRows,
} from './support/tables.mjs'
import { ratios } from './targets.mjs'

const file = (name) => new URL(name, import.meta.url)
const resultsOf = (name) =>
  existsSync(file(name)) ? JSON.parse(readFileSync(file(name), 'utf8')) : undefined
const results = resultsOf('results.json')
if (results === undefined) {
  process.stderr.write('report: bench/results.json is missing: npm run bench writes it\n')
  process.exit(1)
}
if (results.quick)
  process.stderr.write('report: these are the results of --quick: a look, nothing to publish\n')
const kernel = resultsOf('results-kernel.json')

const { targets } = results
const judged = targets.filter(({ verdict }) => verdict !== 'not measured')
const count = (word) => judged.filter(({ verdict }) => verdict === word).length
const sizes = `${results.bytes / 2 ** 30} GiB of device state`

const overview = [
  '![GiB per second by source, sink and contender](docs/performance.svg)',
  '',
  `GiB/s, medians; ${sizes}, simulated devices.`,
  '',
  forMarkdown(overviewRows(results.dataPath)),
  '',
  `Measured on: ${machineLine(results.machine)}. Command: \`npm run bench\`, then \`node bench/report.mjs\`.`,
  `Of ${judged.length} targets ${count('pass')} are met, ${count('in the noise')} lie within what the same C program differs from itself by, and`,
  `${count('miss')} are missed: each with its figure, and what is known of why, in [docs/performance.md](docs/performance.md).`,
].join('\n')

const section = (title, rows) => (rows.body.length === 0 ? [] : [`### ${title}`, '', forMarkdown(rows), ''])
const details = [
  `Measured on: ${machineLine(results.machine)}. ${sizes}.`,
  '',
  ...section('Targets', verdictRows(targets)),
  ...section('Bulk data', dataPathRows(results.dataPath)),
  ...section('TLS 1.3 over loopback', tlsRows(results.tls)),
  ...section('Single operations', microRows(results.micro)),
  ...section('Many devices, small and large states', scaleRows(results.scale)),
  ...(kernel === undefined
    ? []
    : [
        '## On a real kernel',
        '',
        `\`npm run bench:kernel\`, ${machineLine(kernel.machine)}, its processor emulated in software; ${kernel.bytes / 2 ** 20} MiB of state. What takes long`,
        'there is not what takes long on hardware: these are ratios, the targets of a host beside them, and no verdict is passed. A state this small is',
        'moved before a pump has tried both of its modes, and what a call from JavaScript costs once weighs as much as the copying.',
        '',
        ...section(
          'Ratios',
          verdictRows(ratios(kernel.dataPath).filter(({ figure }) => figure !== undefined)),
        ),
        ...section('Bulk data of kernel devices', dataPathRows(kernel.dataPath)),
      ]),
]
  .join('\n')
  .trimEnd()

const rewrite = (name, text) => {
  const path = file(`../${name}`)
  writeFileSync(path, withSection(readFileSync(path, 'utf8'), 'performance', text))
}
rewrite('README.md', overview)
rewrite('docs/performance.md', details)
writeFileSync(
  file('../docs/performance.svg'),
  barChart({
    title: `Moving ${sizes}: GiB per second, median and quartiles`,
    unit: 'GiB/s',
    groups: speedGroups(results.dataPath),
  }),
)
