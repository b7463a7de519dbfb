// SPDX-License-Identifier: MIT
// Drives test/support/engine-side.mjs: one side of a migration in a process of its own.
import { type ChildProcess, spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('./engine-side.mjs', import.meta.url))

/** When the side kills itself: as a record of its journal is on disk, or as a message is about to leave or has come. */
export type KillPoint =
  | { readonly record: string }
  | { readonly message: string; readonly direction: 'in' | 'out' }

export interface Register {
  readonly device: number
  readonly region: number
  readonly offset: number
  readonly width: number
}

export interface Order {
  readonly action: 'send' | 'receive' | 'recoverSource' | 'recoverDestination'
  readonly specs: readonly string[]
  readonly options: Record<string, unknown>
  readonly open?: Record<string, unknown>
  readonly before?: readonly (Register & { readonly value: number })[]
  readonly killAt?: KillPoint
  /** Afterwards, these registers, and a digest of this region of each device, or of those of these numbers. */
  readonly digest?: number
  readonly of?: readonly number[]
  readonly registers?: readonly Register[]
  /** Fires the signal of the call after so many milliseconds. */
  readonly abortAfter?: number
  /** Keep the devices open until the side ends. */
  readonly hold?: boolean
}

export interface Answer {
  readonly ok: boolean
  readonly report?: Record<string, unknown>
  readonly error?: { readonly code: string; readonly message: string; readonly outcome?: string }
  readonly states: readonly string[]
  readonly read: readonly string[]
}

/** A process that plays one side, one order at a time. */
export class EngineSide implements AsyncDisposable {
  readonly child: ChildProcess
  readonly ended: Promise<{ readonly signal: NodeJS.Signals | null }>
  readonly #waiting = new Map<string, (message: Record<string, unknown>) => void>()

  private constructor(child: ChildProcess) {
    this.child = child
    this.ended = new Promise((resolve) => child.once('exit', (_, signal) => resolve({ signal })))
    child.on('message', (message: Record<string, unknown>) => {
      const event = message.event as string
      this.#waiting.get(event)?.(message)
      this.#waiting.delete(event)
    })
  }

  /** @param prefix words before `node`, such as those of `ip netns exec NAME` */
  static async start(prefix: readonly string[] = []): Promise<EngineSide> {
    const words = [...prefix, process.execPath, program]
    const child = spawn(words[0] as string, words.slice(1), {
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    })
    const side = new EngineSide(child)
    await side.#event('ready')
    return side
  }

  #event(name: string): Promise<Record<string, unknown>> {
    return new Promise((resolve, reject) => {
      this.#waiting.set(name, resolve)
      void this.ended.then(({ signal }) =>
        reject(new Error(`the side ended (${signal}) before it was ${name}`)),
      )
    })
  }

  /** @returns where it listens, and what came of it; for a side that kills itself `answer` rejects */
  do(order: Order): { readonly listening: Promise<string>; readonly answer: Promise<Answer> } {
    const listening = this.#event('listening').then(({ address }) => address as string)
    const answer = this.#event('done').then((message) => message as unknown as Answer)
    const never = answer.then((said) => {
      throw new Error(`the side ended before it listened: ${JSON.stringify(said.error)}`)
    })
    listening.catch(() => {})
    answer.catch(() => {})
    this.child.send(order)
    const heard = Promise.race([listening, never])
    heard.catch(() => {})
    return { listening: heard, answer }
  }

  /** Resolves when the call in progress enters a phase for the first time. */
  phase(name: string): Promise<unknown> {
    return this.#event(`phase ${name}`)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.child.kill('SIGKILL')
    await this.ended
  }
}
