// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Companion, DeviceFacts } from '../../../lib/index.js'

const program = fileURLToPath(new URL('../programs/holder.mjs', import.meta.url))

/** What a holder says of a device it has open. */
export interface Held {
  readonly pid: number
  readonly fd: number
  readonly companions: readonly Companion[]
  readonly state: string
  readonly facts?: DeviceFacts
}

type Answer = {
  readonly id: number
  readonly value?: unknown
  readonly error?: { code?: string; message: string }
}

/** Another process with devices open, told what to do. */
export class Holder implements AsyncDisposable {
  readonly #child: ChildProcess
  readonly #waiting = new Map<number, (answer: Answer) => void>()
  readonly #ready: Promise<Answer>
  #next = 1

  private constructor(child: ChildProcess) {
    this.#child = child
    this.#ready = new Promise((resolve) => this.#waiting.set(0, resolve))
    child.on('message', (message) => {
      const answer = message as Answer
      this.#waiting.get(answer.id)?.(answer)
      this.#waiting.delete(answer.id)
    })
    child.once('exit', () => {
      for (const [id, tell] of this.#waiting) tell({ id, error: { message: 'the holder has ended' } })
    })
  }

  /** @param fds inherited from 3 on; `announced` names them as sd_listen_fds(3) wants it */
  static async start(fds: readonly number[] = [], announced?: readonly string[]): Promise<Holder> {
    // The shell gives the process its number in LISTEN_PID, and then becomes it.
    const script = 'if [ -n "$LISTEN_FDS" ]; then LISTEN_PID=$$; export LISTEN_PID; fi; exec "$@"'
    const child = spawn('/bin/sh', ['-c', script, 'sh', process.execPath, program], {
      stdio: ['ignore', 'inherit', 'inherit', ...fds, 'ipc'],
      env: {
        ...process.env,
        ...(announced === undefined
          ? {}
          : { LISTEN_FDS: `${announced.length}`, LISTEN_FDNAMES: announced.join(':') }),
      },
    })
    const holder = new Holder(child)
    const { error } = await holder.#ready
    if (error) throw new Error(error.message)
    return holder
  }

  /** @throws what the holder's attempt failed with: its code and message */
  async do<T = undefined>(what: string, order: Readonly<Record<string, unknown>> = {}): Promise<T> {
    const id = this.#next++
    const answered = new Promise<Answer>((resolve) => this.#waiting.set(id, resolve))
    this.#child.send({ id, what, ...order })
    const { value, error } = await answered
    if (error) throw Object.assign(new Error(error.message), { code: error.code })
    return value as T
  }

  async kill(): Promise<void> {
    const ended = once(this.#child, 'exit')
    this.#child.kill('SIGKILL')
    await ended
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await this.kill()
  }
}
