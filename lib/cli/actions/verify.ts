// SPDX-License-Identifier: MIT
import { verifyFile } from '../../stream/index.js'
import type { CommandContext } from '../command-run.js'
import type { VerifyCommandOptions } from '../commands/verify.js'
import { readKeyFile } from '../key-file.js'
import { verifyReport } from '../report.js'

export async function verify(
  path: string,
  options: VerifyCommandOptions,
  context: CommandContext,
): Promise<undefined> {
  const key = options.keyFile === undefined ? undefined : await readKeyFile(options.keyFile)
  const onProgress = (at: { bytes: number; total: number }): void => {
    context.progress.update({ phase: 'verifying', ...at })
  }
  context.report(verifyReport(path, await verifyFile(path, { key, signal: context.signal, onProgress })))
}
