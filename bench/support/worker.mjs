// SPDX-License-Identifier: MIT
// A contender in a process of its own: says `ready`, then moves one whole save for each line `round`, and answers with a line of JSON.
import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'

/** How long a contender may take over one round, in milliseconds. */
const PATIENCE = 60_000

const SINK = 3 // the descriptor that the child has it at

export class Worker {
  #child
  #closed
  #lines
  #errors = ''

  /** @param {readonly string[]} command its word `@fd` becomes the number of the descriptor `fd` there */
  static async start(command, fd) {
    const worker = new Worker(command, fd)
    await worker.#line('ready')
    return worker
  }

  constructor([program, ...words], fd) {
    this.#child = spawn(
      program,
      words.map((word) => (word === '@fd' ? String(SINK) : word)),
      {
        stdio: ['pipe', 'pipe', 'pipe', fd],
      },
    )
    this.#closed = new Promise((resolve) => this.#child.once('close', resolve))
    this.#child.stdin.on('error', () => {}) // told by its output
    this.#child.stderr.setEncoding('utf8').on('data', (text) => {
      this.#errors += text
    })
    this.#child.on('error', (error) => {
      this.#errors += error.message
    })
    this.#lines = createInterface({ input: this.#child.stdout })[Symbol.asyncIterator]()
  }

  get pid() {
    return this.#child.pid
  }

  async #line(awaited) {
    const timer = setTimeout(() => {
      this.#errors += `no answer within ${PATIENCE / 1000} s`
      this.#child.kill('SIGKILL')
    }, PATIENCE)
    const { value, done } = await this.#lines.next()
    clearTimeout(timer)
    if (done) throw new Error(`the contender ended: ${this.#errors.trim() || 'without a word'}`)
    if (awaited !== undefined && value !== awaited)
      throw new Error(`the contender said ${value} instead of ${awaited}`)
    return value
  }

  /** @returns {Promise<{ bytes: number, seconds: number, cpuSeconds: number, peakKiB: number, latenessMs?: number }>} */
  async round() {
    this.#child.stdin.write('round\n')
    return JSON.parse(await this.#line())
  }

  async end() {
    this.#child.stdin.end()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 3000)
    await this.#closed
    clearTimeout(timer)
  }
}
