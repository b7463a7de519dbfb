// SPDX-License-Identifier: MIT
import { type ChildProcess, spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { errnoMessage, errnoName, VfioAbortError, VfioError } from '../errors/index.js'

/** Writes attributes of sysfs. A test puts its own kernel in the place of {@link AttributeWriter}. */
export interface WritesAttributes {
  /**
   * @throws {VfioError} the kernel's errno as `code`
   * @throws {PendingWriteError} `signal` fired before the write returned
   * @throws {VfioAbortError} `signal` fired before the write began
   */
  write(path: string, value: string, signal?: AbortSignal): Promise<void>
}

/** A write was given up before it returned. It cannot be taken back: the kernel still carries it out. */
export class PendingWriteError extends VfioAbortError {}

// Attributes are neither made nor cut off: only what exists is written, in one write.
const program = `
const { closeSync, constants, openSync, writeSync } = require('node:fs')
require('node:readline').createInterface({ input: process.stdin }).on('line', (line) => {
  const { path, value } = JSON.parse(line)
  let answer = {}
  try {
    const fd = openSync(path, constants.O_WRONLY)
    try {
      writeSync(fd, value)
    } finally {
      closeSync(fd)
    }
  } catch ({ errno, syscall, message }) {
    answer = { errno, syscall, message }
  }
  process.stdout.write(JSON.stringify(answer) + '\\n')
})`

interface Answer {
  readonly errno?: number
  readonly syscall?: string
  readonly message?: string
}

/**
 * Writes attributes from a process of its own. A write to sysfs may block for as long as somebody likes: unbinding a VFIO driver waits, beyond
 * any signal, until the last holder closes the device (drivers/vfio/vfio_main.c, vfio_unregister_group_dev). In a thread of this process that
 * would take a thread from everybody's file system calls, and hold up its exit. The process is started by the first write, in a session of its
 * own so that Ctrl-C does not tear a write; an abandoned one ends when the kernel lets it.
 */
export class AttributeWriter implements WritesAttributes, AsyncDisposable {
  #child: ChildProcess | undefined
  #answers: AsyncIterator<string> | undefined
  #last: Promise<unknown> = Promise.resolve()

  async write(path: string, value: string, signal?: AbortSignal): Promise<void> {
    // One at a time: answers come in the order of the requests.
    const turn = this.#last.then(() => this.#exchange(path, value, signal))
    this.#last = turn.catch(() => {})
    const { errno, syscall, message } = await turn
    if (errno === undefined && message === undefined) return
    if (errno === undefined) throw new VfioError('ERR_VFIO_HOST_CHANGE', `cannot write ${path}: ${message}`)
    const code = errnoName(errno)
    throw new VfioError(code, `${code}: ${errnoMessage(errno)}, ${syscall ?? 'write'} ${path}`)
  }

  async #exchange(path: string, value: string, signal: AbortSignal | undefined): Promise<Answer> {
    if (signal?.aborted) throw new VfioAbortError(signal.reason)
    const answers = this.#started()
    this.#child?.stdin?.write(`${JSON.stringify({ path, value })}\n`)
    let onAbort: (() => void) | undefined
    const aborted = new Promise<never>((_, reject) => {
      onAbort = () => {
        this.#abandon()
        reject(new PendingWriteError(signal?.reason, `${path} was written to and has not answered yet`))
      }
      signal?.addEventListener('abort', onAbort, { once: true })
    })
    try {
      const { value: line, done } = await Promise.race([answers.next(), aborted])
      if (done)
        throw new VfioError('ERR_VFIO_HOST_CHANGE', `the process that writes ${path} ended without an answer`)
      return JSON.parse(line) as Answer
    } finally {
      if (onAbort) signal?.removeEventListener('abort', onAbort)
    }
  }

  #started(): AsyncIterator<string> {
    if (this.#answers !== undefined) return this.#answers
    const { NODE_OPTIONS: _, ...environment } = process.env
    const child = spawn(process.execPath, ['-e', program], {
      stdio: ['pipe', 'pipe', 'ignore'],
      // An Electron runs as Node only when told.
      env: { ...environment, ELECTRON_RUN_AS_NODE: '1' },
      detached: true,
    })
    child.on('error', () => {}) // its stdout ends then, too
    child.stdin.on('error', () => {})
    this.#child = child
    this.#answers = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
    return this.#answers
  }

  // It may be stuck in the kernel; whatever it writes then is written, but it holds nothing of ours up.
  #abandon(): void {
    const child = this.#child
    this.#child = undefined
    this.#answers = undefined
    child?.stdin?.destroy()
    child?.stdout?.destroy()
    child?.kill('SIGKILL')
    child?.unref()
  }

  /** Ends the process. A write in progress is finished by the kernel. */
  async close(): Promise<void> {
    const child = this.#child
    if (child === undefined || child.exitCode !== null || child.signalCode !== null) return
    this.#child = undefined
    this.#answers = undefined
    await new Promise<void>((resolve) => {
      child.once('close', () => resolve())
      child.once('error', () => resolve())
      child.stdin?.end()
    })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
