// SPDX-License-Identifier: MIT
// Instructions that must not creep up: counted by callgrind, so the same on a busy machine and on a quiet one.
//   node bench/regression/check.mjs            exits 1 where a count is over its baseline by more than the margin
//   node bench/regression/check.mjs --update   writes the counts into baseline.json
// Each figure is the slope between two sizes: what starting up costs cancels out.
import { spawnSync } from 'node:child_process'
import { openSync, readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { buildPrograms, programs } from '../support/programs.mjs'

/** Compilers differ by some percent; a copy or an allocation too many per chunk costs far more. */
const MARGIN = 1.35
/** Milliseconds for one count, which takes some seconds. */
const PATIENCE = 120_000
const MIB = 2 ** 20
// Not 'ignore': Node leaves descriptors above 2 closed for that, and the program's first own file would be the sink.
const nowhere = openSync('/dev/null', 'w')
const baselineFile = new URL('baseline.json', import.meta.url)

/**
 * The pump, and the calls by which it makes the simulated device work: what that costs is no business of the pump. The names are whole, since
 * callgrind switches at each function that matches, in one that it is in already too.
 */
const PUMP =
  'vfm::pumpToOutput(vfm::ChunkSource&, vfm::Output&, vfm::Cancellation const&, vfm::PumpControl&, vfm::Pace const&)'
const DEVICE = [
  'vfm::SimulatedSession::read(vfm::Bytes)',
  'vfm::SimulatedDevice::readRegion(unsigned int, unsigned long, vfm::Bytes)',
  'vfm::SimulatedDevice::writeRegion(unsigned int, unsigned long, vfm::ConstBytes)',
]

/** Instructions of one run. `toggles`: functions that switch the counting, by entering and again by leaving. */
function instructions(program, words, { input = '', toggles = [] } = {}) {
  const { status, stderr, error } = spawnSync(
    'valgrind',
    [
      '--tool=callgrind',
      '--callgrind-out-file=/dev/null',
      ...toggles.map((name) => `--toggle-collect=${name}`),
      program,
      ...words,
    ],
    { input, encoding: 'utf8', timeout: PATIENCE, stdio: ['pipe', 'pipe', 'pipe', nowhere] },
  )
  const count = Number(/Collected *: *(\d+)/.exec(stderr ?? '')?.[1])
  if (status !== 0 || !(count > 0)) {
    const missing = error?.code === 'ENOENT' ? ' (install the package valgrind)' : ''
    throw new Error(`callgrind counted nothing in ${program}: ${error?.message ?? stderr}${missing}`)
  }
  return count
}

function pumpPerMib(source) {
  const count = (mib) =>
    instructions(
      programs.reference,
      ['--contender', 'ours', '--source', source, '--bytes', String(mib * MIB), '--fd', '3'],
      { input: 'round\n', toggles: [PUMP, ...DEVICE] },
    )
  return (count(32) - count(16)) / 16
}

/** A round of `vfm-micro` is 2,000 calls. */
function perTransition() {
  const count = (rounds) => instructions(programs.micro, ['--only', 'transition', '--rounds', String(rounds)])
  return (count(6) - count(2)) / (4 * 2000)
}

const { values } = parseArgs({ options: { update: { type: 'boolean', default: false } } })
buildPrograms()
const counted = {
  'pump, v2, per MiB': pumpPerMib('v2'),
  'pump, v1 mapped, per MiB': pumpPerMib('v1-mapped'),
  'pump, v1 trapped, per MiB': pumpPerMib('v1-trapped'),
  'one transition, v2': perTransition(),
}
if (values.update) {
  const rounded = Object.fromEntries(
    Object.entries(counted).map(([name, count]) => [name, Math.round(count)]),
  )
  writeFileSync(baselineFile, `${JSON.stringify(rounded, null, 2)}\n`)
}
const baseline = JSON.parse(readFileSync(baselineFile, 'utf8'))
for (const [name, count] of Object.entries(counted)) {
  const ratio = count / baseline[name]
  const met = ratio <= MARGIN // false for a name without a baseline, too
  console.log(
    `${met ? 'pass' : 'MISS'}  ${name}: ${Math.round(count)} instructions, ${ratio.toFixed(2)} of the baseline (at most ${MARGIN})`,
  )
  if (!met) process.exitCode = 1
}
