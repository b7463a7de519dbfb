// SPDX-License-Identifier: MIT
// A process of its own that receives a device with its memory.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

const program = fileURLToPath(new URL('programs/memory-receiver.mjs', import.meta.url))

export interface ReceivedMemory {
  /** SHA-256, in hex. */
  readonly digest: string
  readonly state: string
  /** Of a DMA write that the device did there afterwards: 0. */
  readonly dmaStatus: number
  /** What the process held of physical memory, in bytes. */
  readonly rss: number
}

export interface MemoryReceiverProcess {
  readonly received: Promise<ReceivedMemory>
}

/** Resolves when it listens. */
export async function startMemoryReceiver(settings: {
  readonly spec: string
  readonly socket: string
  readonly journal: string
  readonly iova: bigint
  readonly size: number
}): Promise<MemoryReceiverProcess> {
  const { spec, socket, journal, iova, size } = settings
  const child = spawn(process.execPath, [program, spec, socket, journal, `${iova}`, `${size}`], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]()
  const next = async (): Promise<string> => {
    const { value, done } = await lines.next()
    if (done) throw new Error('the receiving process ended early')
    return value
  }
  await next()
  const ended = once(child, 'exit')
  const received = (async () => {
    const answer: ReceivedMemory = JSON.parse(await next())
    const [code] = await ended
    if (code !== 0) throw new Error(`the receiving process ended with ${code}`)
    return answer
  })()
  received.catch(() => {})
  return { received }
}
