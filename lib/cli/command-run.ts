// SPDX-License-Identifier: MIT

import { formatMs } from '../quantity.js'
import { abortReason, exitCodeFor, exitCodes } from './exit-codes.js'
import { failureJson, failureText, toJsonLine } from './failure.js'
import { Interrupted, Interruption } from './interruption.js'
import { Progress } from './progress.js'

/** Options that every command has. */
export interface CommonOptions {
  readonly json?: boolean
  readonly progress?: boolean
  /** In milliseconds. */
  readonly timeout?: number
}

/** What a command has to tell: the same facts twice. */
export interface CommandReport {
  /** Printed for `--json`, as the one object on stdout. */
  readonly json: Record<string, unknown>
  readonly text: string
}

export interface CommandContext {
  /** Fires on Ctrl-C and at `--timeout`. */
  readonly signal: AbortSignal
  readonly progress: Progress
  /** Prints the report. Once, at most. */
  report(report: CommandReport): void
  /** Prints a piece of news, of a command that goes on: with `--json` a line for each. */
  tell(report: CommandReport): void
}

export interface CommandRunOptions {
  /** The command reads a stream: something impossible is then the stream's fault. */
  readonly reading?: boolean
  /** The report goes to stderr, because stdout carries the stream. */
  readonly reportOnStderr?: boolean
}

/**
 * Runs a command's body with what surrounds it: signals, timeout, progress, report, and a failure's report and exit code.
 * The body's number is the exit code.
 */
export async function runCommand(
  options: CommonOptions,
  run: CommandRunOptions,
  body: (context: CommandContext) => Promise<number | undefined>,
): Promise<void> {
  const progress = new Progress(process.stderr, options.progress ?? true)
  const out = run.reportOnStderr ? process.stderr : process.stdout
  let reported = false
  const tell = ({ json, text }: CommandReport): void => {
    progress.clear()
    out.write(options.json ? toJsonLine(json) : `${text}\n`)
  }
  const report = (whole: CommandReport): void => {
    if (reported) throw new Error('a command reports once')
    reported = true
    tell(whole)
  }
  using interruption = new Interruption((signal) => {
    progress.note(
      `${signal}: stopping; what is half done is undone (again to quit at once, wherever the devices are then)`,
    )
  })
  const { signal, cancel } = withTimeout(interruption.signal, options.timeout)
  try {
    process.exitCode = (await body({ signal, progress, report, tell })) ?? exitCodes.ok
  } catch (error) {
    progress.clear()
    process.exitCode = exitCodeFor(error, run.reading ?? false)
    const why = abortReason(error)
    const prefix = why instanceof Interrupted ? why.message : undefined
    if (options.json && !reported) out.write(toJsonLine(failureJson(error)))
    else process.stderr.write(`${failureText(error, prefix)}\n`)
  } finally {
    cancel()
  }
}

function withTimeout(
  signal: AbortSignal,
  timeout: number | undefined,
): { signal: AbortSignal; cancel: () => void } {
  if (timeout === undefined) return { signal, cancel: () => {} }
  const controller = new AbortController()
  const timer = setTimeout(() => {
    const message = `not done after ${formatMs(timeout)} (--timeout)`
    controller.abort(Object.assign(new Error(message), { name: 'TimeoutError' }))
  }, timeout)
  return { signal: AbortSignal.any([signal, controller.signal]), cancel: () => clearTimeout(timer) }
}
