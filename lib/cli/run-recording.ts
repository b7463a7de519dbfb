// SPDX-License-Identifier: MIT
import { chromeTrace, FlightRecorder } from '../recorder/index.js'
import { ReportFile } from '../recorder/report-file.js'
import type { Progress } from './progress.js'
import { UsageError } from './usage-error.js'

export interface RunReportOptions {
  /** Where the report of the run goes, whatever becomes of it. */
  readonly report?: string
  /** The same as a Chrome trace. */
  readonly trace?: string
}

/** A run that is recorded, if that was asked for. */
export interface RunRecording {
  readonly recorder: FlightRecorder | undefined
  /** Writes what was asked for, once. What goes wrong is noted and no failure: the devices are where the run left them. */
  write(): Promise<void>
}

/**
 * Runs a command's body and writes the report of it, also and above all when it fails.
 * @throws what `create` of the files throws, before `body` is called
 */
export async function withRunReport<T>(
  options: RunReportOptions,
  operation: string,
  progress: Progress,
  body: (run: RunRecording) => Promise<T>,
): Promise<T> {
  const { report: reportPath, trace: tracePath } = options
  if (reportPath === undefined && tracePath === undefined) {
    return body({ recorder: undefined, write: async () => {} })
  }
  if (reportPath === tracePath) throw new UsageError('--report and --trace are two files')
  await using reportFile = reportPath === undefined ? undefined : await ReportFile.create(reportPath)
  await using traceFile = tracePath === undefined ? undefined : await ReportFile.create(tracePath)
  const recorder = new FlightRecorder()
  recorder.operation = operation
  let written = false
  const write = async (): Promise<void> => {
    if (written) return
    written = true
    const report = recorder.report()
    try {
      await reportFile?.write(report)
      await traceFile?.write(chromeTrace(report))
    } catch (error) {
      progress.note(`the report of the run could not be written: ${(error as Error).message}`)
    }
  }
  try {
    const result = await body({ recorder, write })
    await write()
    return result
  } catch (error) {
    recorder.fail(error)
    await write()
    throw error
  }
}
