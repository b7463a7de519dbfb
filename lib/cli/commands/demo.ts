// SPDX-License-Identifier: MIT
import { Command } from 'commander'
import { type CommandContext, type CommonOptions, runCommand } from '../command-run.js'
import { common } from '../options.js'

interface DemoOptions extends CommonOptions {
  readonly state: string
}

export function demoCommand(): Command {
  const command = new Command('demo')
    .summary('migrate two simulated devices, one of each protocol')
    .description(
      'Migrates a simulated device of protocol v1 and one of v2 (with pre-copy), each with its own seeded contents, and reads the\n' +
        'memory of both destinations back once they run. Exit code 1 if it is not what the source had. Needs no hardware.',
    )
    .option('--state <size>', 'device memory of each', '256MiB')
  return common(command, ['demo', 'demo --json', 'demo --state 1GiB']).action((options: DemoOptions) =>
    runCommand(options, {}, (context) => demo(options.state, context)),
  )
}

async function demo(state: string, context: CommandContext): Promise<number> {
  const [{ exitCodes }, { parseSize }, { UsageError }, { migrationJson, migrationReport }] =
    await Promise.all([
      import('../exit-codes.js'),
      import('../../quantity.js'),
      import('../usage-error.js'),
      import('../report.js'),
    ])
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
  const [{ migrate, openDevice }, { regionDigest }] = await Promise.all([
    import('../../index.js'),
    import('../region-digest.js'),
  ])
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
