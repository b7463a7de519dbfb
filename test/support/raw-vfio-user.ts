// SPDX-License-Identifier: MIT
// A vfio-user client of a few lines, without descriptors and without this project's codec.
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface RawReply {
  readonly id: number
  readonly command: number
  /** 0 unless it is an error reply. */
  readonly errno: number
  readonly payload: Buffer
}

export class RawVfioUser {
  readonly socket: Socket
  #received = Buffer.alloc(0)
  #id = 0

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (piece: Buffer) => {
      this.#received = Buffer.concat([this.#received, piece])
      socket.emit('piece')
    })
    socket.on('error', () => {})
  }

  static async connect(path: string): Promise<RawVfioUser> {
    const socket = connect(path)
    await once(socket, 'connect')
    return new RawVfioUser(socket)
  }

  /** Connects and negotiates version 0.2. */
  static async open(path: string, capabilities: object = {}): Promise<RawVfioUser> {
    const client = await RawVfioUser.connect(path)
    const json = Buffer.from(`${JSON.stringify({ capabilities })}\0`)
    const { errno } = await client.ask(1, Buffer.concat([Buffer.from([0, 0, 2, 0]), json]))
    if (errno !== 0) throw new Error(`VERSION: errno ${errno}`)
    return client
  }

  send(command: number, payload: Uint8Array, flags = 0): void {
    this.#id += 1
    const header = Buffer.alloc(16)
    header.writeUInt16LE(this.#id, 0)
    header.writeUInt16LE(command, 2)
    header.writeUInt32LE(16 + payload.length, 4)
    header.writeUInt32LE(flags, 8)
    this.socket.write(Buffer.concat([header, payload]))
  }

  /** The next message; rejects when the server closes. */
  async receive(): Promise<RawReply> {
    while (this.#received.length < 16 || this.#received.length < this.#received.readUInt32LE(4)) {
      if (this.socket.readableEnded || this.socket.destroyed) throw new Error('the server has closed')
      await Promise.race([once(this.socket, 'piece'), once(this.socket, 'close')])
    }
    const size = this.#received.readUInt32LE(4)
    const message = this.#received.subarray(0, size)
    this.#received = this.#received.subarray(size)
    const failed = (message.readUInt32LE(8) & 0x20) !== 0
    return {
      id: message.readUInt16LE(0),
      command: message.readUInt16LE(2),
      errno: failed ? message.readUInt32LE(12) : 0,
      payload: message.subarray(16),
    }
  }

  ask(command: number, payload: Uint8Array): Promise<RawReply> {
    this.send(command, payload)
    return this.receive()
  }

  /** REGION_READ of 4 bytes. */
  async read32(region: number, offset: number): Promise<number> {
    const { errno, payload } = await this.ask(9, words(offset, 0, region, 4))
    if (errno !== 0) throw new Error(`REGION_READ: errno ${errno}`)
    return payload.readUInt32LE(16)
  }

  /** REGION_WRITE of 4 bytes; the errno. */
  async write32(region: number, offset: number, value: number): Promise<number> {
    return (await this.ask(10, words(offset, 0, region, 4, value))).errno
  }

  /** SET of MIG_DEVICE_STATE; the errno. */
  async setState(state: number): Promise<number> {
    return (await this.ask(16, words(16, 2 | (1 << 17), state, 0xffff_ffff))).errno
  }

  /** GET of MIG_DEVICE_STATE. */
  async state(): Promise<number> {
    return (await this.ask(16, words(16, 2 | (1 << 16)))).payload.readUInt32LE(8)
  }

  async close(): Promise<void> {
    if (this.socket.destroyed) return
    const closed = once(this.socket, 'close')
    this.socket.destroy()
    await closed
  }
}

/** Little-endian u32s. */
export function words(...values: readonly number[]): Buffer {
  const bytes = Buffer.alloc(4 * values.length)
  values.forEach((value, index) => {
    bytes.writeUInt32LE(value >>> 0, 4 * index)
  })
  return bytes
}
