// SPDX-License-Identifier: MIT
// Stands between two engines, passes on what they send, and does something to one connection after so many bytes.
import { rmSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'

export const meddlings = ['cut', 'stalls', 'is changed'] as const

export interface Meddling {
  /** In the order in which they are made, from 0: the control connection, then one for each device. */
  readonly connection: number
  readonly from: 'source' | 'destination'
  /** How many bytes of this direction pass first. */
  readonly after: number
  /** Both directions end, or nothing more passes although nothing ends, or one byte is another. */
  readonly how: (typeof meddlings)[number]
}

/** How much of each direction passed, by connection. */
export interface Passed {
  source: number
  destination: number
}

export class Meddler implements AsyncDisposable {
  readonly #server: Server
  readonly #path: string
  readonly #meddling: Meddling | undefined
  readonly #sockets = new Set<Socket>()
  readonly passed: Passed[] = []
  #struck = false

  private constructor(path: string, to: string, meddling: Meddling | undefined) {
    this.#path = path
    this.#meddling = meddling
    this.#server = createServer((client) => this.#join(client, connect(to)))
  }

  /** Listens at `path` for what goes to the socket `to`. */
  static async between(path: string, to: string, meddling?: Meddling): Promise<Meddler> {
    const meddler = new Meddler(path, to, meddling)
    await new Promise<void>((resolve, reject) => {
      meddler.#server.once('error', reject)
      meddler.#server.listen(path, resolve)
    })
    return meddler
  }

  get struck(): boolean {
    return this.#struck || this.#meddling === undefined
  }

  #join(source: Socket, destination: Socket): void {
    const index = this.passed.length
    this.passed.push({ source: 0, destination: 0 })
    for (const [from, to, side] of [
      [source, destination, 'source'],
      [destination, source, 'destination'],
    ] as const) {
      this.#sockets.add(from)
      from.on('error', () => {})
      from.on('close', () => {
        this.#sockets.delete(from)
        to.destroy()
      })
      from.on('end', () => to.end())
      from.on('data', (bytes: Buffer) => this.#pass(index, side, bytes, from, to))
    }
  }

  #pass(index: number, side: keyof Passed, bytes: Buffer, from: Socket, to: Socket): void {
    const passed = this.passed[index] as Passed
    const before = passed[side]
    passed[side] += bytes.length
    const meddling = this.#meddling
    const mine = meddling?.connection === index && meddling.from === side
    if (!mine || meddling.after >= passed[side]) {
      if (!to.write(bytes)) {
        from.pause()
        to.once('drain', () => from.resume())
      }
      return
    }
    const at = Math.max(0, meddling.after - before)
    if (meddling.how === 'is changed') {
      if (before <= meddling.after) {
        this.#struck = true
        bytes.writeUInt8(bytes.readUInt8(at) ^ 0x5a, at)
      }
      to.write(bytes)
      return
    }
    this.#struck = true
    if (before <= meddling.after && at > 0) to.write(bytes.subarray(0, at))
    if (meddling.how === 'stalls') {
      from.pause()
      return
    }
    to.end()
    from.destroy()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    await new Promise<void>((resolve) => this.#server.close(() => resolve()))
    rmSync(this.#path, { force: true })
  }
}
