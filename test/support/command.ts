// SPDX-License-Identifier: MIT
// Runs the built command as a user would: in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const main = fileURLToPath(new URL('../../dist/cli/main.js', import.meta.url))

export interface Finished {
  /** The exit code; null when a signal ended it. */
  readonly code: number | null
  readonly stdout: Buffer
  /** stdout as text. */
  readonly out: string
  readonly stderr: string
}

export interface Running {
  readonly child: ChildProcess
  readonly finished: Promise<Finished>
  /** Resolves once stderr or stdout holds `text`; rejects when the command ends without. */
  says(text: string | RegExp): Promise<void>
}

export function start(words: readonly string[], options: { stdin?: Buffer; cwd?: string } = {}): Running {
  const child = spawn(process.execPath, [main, ...words], {
    stdio: ['pipe', 'pipe', 'pipe'],
    env: { ...process.env, NO_COLOR: '1' },
    ...(options.cwd === undefined ? {} : { cwd: options.cwd }),
  })
  const stdout: Buffer[] = []
  const stderr: Buffer[] = []
  const heard = (): string => Buffer.concat([...stdout, ...stderr]).toString()
  child.stdout.on('data', (piece: Buffer) => stdout.push(piece))
  child.stderr.on('data', (piece: Buffer) => stderr.push(piece))
  // A command that refuses its input leaves before it has read it.
  child.stdin.on('error', () => {})
  child.stdin.end(options.stdin)
  const finished = new Promise<Finished>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', (code) => {
      const whole = Buffer.concat(stdout)
      resolve({ code, stdout: whole, out: whole.toString(), stderr: Buffer.concat(stderr).toString() })
    })
  })
  const says = (text: string | RegExp): Promise<void> =>
    new Promise((resolve, reject) => {
      const look = (): void => {
        if (typeof text === 'string' ? heard().includes(text) : text.test(heard())) resolve()
      }
      child.stdout.on('data', look)
      child.stderr.on('data', look)
      child.once('close', () => reject(new Error(`ended without saying ${text}: ${heard()}`)))
      look()
    })
  return { child, finished, says }
}

export function run(
  words: readonly string[],
  options: { stdin?: Buffer; cwd?: string } = {},
): Promise<Finished> {
  return start(words, options).finished
}

/** The one JSON object that `--json` promises on stdout; throws when there is anything else. */
export function jsonOf({ out }: Finished): Record<string, unknown> {
  if (!out.endsWith('\n') || out.indexOf('\n') !== out.length - 1)
    throw new Error(`not one line of JSON: ${out}`)
  return JSON.parse(out) as Record<string, unknown>
}
