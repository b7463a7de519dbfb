// SPDX-License-Identifier: MIT
import { migrate, openDevice } from '../../index.js'
import { parseSize } from '../../quantity.js'
import type { CommandContext } from '../command-run.js'
import { exitCodes } from '../exit-codes.js'
import { regionDigest } from '../region-digest.js'
import { migrationJson, migrationReport } from '../report.js'
import { UsageError } from '../usage-error.js'

export async function demo(state: string, context: CommandContext): Promise<number> {
  const bytes = parseSize(state)
  if (bytes === undefined || bytes < 4096 || bytes % 4096 !== 0) {
    throw new UsageError('--state is a size of whole pages, such as 64MiB or 1GiB')
  }
  const texts: string[] = []
  const migrations: Record<string, unknown>[] = []
  let equal = true
  for (const [index, protocol] of (['v1', 'v2'] as const).entries()) {
    const seed = 7 + index
    context.progress.update({ phase: `${protocol}: filling ${state}`, bytes: 0 })
    const { moved, source, destination } = await oneMigration(protocol, bytes, seed, context)
    const arrived = source.digest === destination.digest
    equal &&= arrived
    migrations.push({ ...migrationJson(moved, source, destination), arrived })
    const { text } = migrationReport(moved, source, destination)
    texts.push(`${text}\n${arrived ? 'The memory arrived.' : 'THE MEMORY DID NOT ARRIVE.'}`)
  }
  context.report({ json: { ok: equal, migrations }, text: texts.join('\n\n') })
  return equal ? exitCodes.ok : exitCodes.failure
}

async function oneMigration(protocol: 'v1' | 'v2', bytes: number, seed: number, context: CommandContext) {
  const memory = 2
  const { signal, progress } = context
  await using source = await openDevice(`sim:${protocol},state=${bytes},seed=${seed}`)
  await using target = await openDevice(`sim:${protocol},state=${bytes}`)
  const before = await regionDigest(source, memory, signal)
  const moved = await migrate(source, target, {
    preCopy: true,
    signal,
    onProgress: ({ phase, bytes }) => progress.update({ phase: `${protocol}: ${phase}`, bytes }),
  })
  const after = await regionDigest(target, memory, signal)
  return {
    moved,
    source: { ...moved.source, digest: before },
    destination: { ...moved.destination, digest: after },
  }
}
