// SPDX-License-Identifier: MIT
// The ways a save can reach a load, each as a user would write it.
import { type FileHandle, mkdtemp, open, rm } from 'node:fs/promises'
import { connect, createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import {
  ChunkWriter,
  deviceStateSection,
  FrameReader,
  FrameWriter,
  type LoadSession,
  type Manifest,
  type SaveSession,
} from '../../../lib/index.js'

export type Carrier = (saving: SaveSession, loading: LoadSession) => Promise<void>

async function withFile(use: (file: FileHandle) => Promise<void>): Promise<void> {
  const folder = await mkdtemp(join(tmpdir(), 'vfio-migration-'))
  const file = await open(join(folder, 'state'), 'w+', 0o600)
  try {
    await use(file)
  } finally {
    await file.close()
    await rm(folder, { recursive: true })
  }
}

const iteration: Carrier = async (saving, loading) => {
  for await (const { data } of saving) await loading.write(data)
}

const direct: Carrier = async (saving, loading) => {
  const moved = await saving.pipeInto(loading)
  if (moved.bytes !== loading.moved.bytes) throw new Error('bytes were lost on the way')
}

// A stream's chunks are owned: kept back on purpose here, and written only when a later one has arrived.
const stream: Carrier = async (saving, loading) => {
  const kept: Buffer[] = []
  const sink = new Writable({
    write: (chunk: Buffer, _encoding, callback) => {
      kept.push(chunk)
      if (kept.length < 3) callback()
      else loading.write(kept.shift() as Buffer).then(() => callback(), callback)
    },
    final: (callback) => {
      ;(async () => {
        for (const chunk of kept) await loading.write(chunk)
      })().then(() => callback(), callback)
    },
  })
  await pipeline(saving.readable(), sink)
}

const frames: Carrier = (saving, loading) =>
  withFile(async (file) => {
    {
      await using writer = FrameWriter.open(file.fd)
      await writer.writeManifest(manifestOf(saving))
      await writer.beginSection(1, deviceStateSection())
      await saving.pipeToFrames(writer, 1)
      await writer.endSection(1)
      await writer.finish()
    }
    // The descriptor is at its end; a second one begins at the start.
    const again = await open(`/proc/self/fd/${file.fd}`, 'r')
    try {
      await using reader = FrameReader.open(again.fd)
      for (let frame = await reader.next(); frame !== null; frame = await reader.next()) {
        if (frame.kind === 'data') await loading.loadFromFrames(reader, frame.section)
      }
    } finally {
      await again.close()
    }
  })

function manifestOf({ protocol }: SaveSession): Manifest {
  const capabilities = { preCopy: true, p2p: protocol === 'v2' }
  return { producer: 'the contract suite', devices: [{ index: 0, protocol, capabilities }] }
}

/** Raw bytes, natively out and in: v2 only. */
const bytes: Carrier = (saving, loading) =>
  withFile(async (file) => {
    await saving.pipeTo(file.fd)
    const again = await open(`/proc/self/fd/${file.fd}`, 'r')
    try {
      await loading.loadFrom(again.fd)
    } finally {
      await again.close()
    }
  })

/** Chunks whose memory a writer takes over while the device is read on; their borders are noted on the way. */
const takenOver: Carrier = (saving, loading) =>
  withFile(async (file) => {
    const lengths: number[] = []
    {
      await using writer = ChunkWriter.over(file.fd)
      for await (const chunk of saving) {
        lengths.push(chunk.data.length)
        await writer.write(chunk)
        if (chunk.data.length !== 0) throw new Error('a chunk that was taken over is still there')
      }
      await writer.flush()
      if (writer.written.chunks !== lengths.length) throw new Error('chunks were lost on the way')
    }
    const again = await open(`/proc/self/fd/${file.fd}`, 'r')
    try {
      for (const length of lengths) {
        const { buffer, bytesRead } = await again.read(Buffer.alloc(length), 0, length)
        if (bytesRead !== length) throw new Error('bytes were lost on the way')
        await loading.write(buffer)
      }
    } finally {
      await again.close()
    }
  })

/** Over a TCP connection whose reader is slow; v2 only, since a socket keeps no borders. */
const socket: Carrier = async (saving, loading) => {
  const server = createServer()
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const accepted = new Promise<Socket>((resolve) => server.once('connection', resolve))
  const { port } = server.address() as { port: number }
  const sender = connect(port, '127.0.0.1')
  const receiver = await accepted
  server.close()
  const receiving = (async () => {
    let pieces = 0
    for await (const data of receiver) {
      if (++pieces % 16 === 0) await new Promise((resolve) => setTimeout(resolve, 2))
      await loading.write(data as Buffer)
    }
  })()
  await pipeline(saving.readable(), sender)
  await receiving
}

export const carriers: Readonly<Record<'v1' | 'v2', readonly (readonly [string, Carrier])[]>> = {
  v1: [
    ['iteration', iteration],
    ['pipeInto', direct],
    ['a stream', stream],
    ['frames in a file', frames],
    ['chunks taken over', takenOver],
  ],
  v2: [
    ['iteration', iteration],
    ['pipeInto', direct],
    ['a stream', stream],
    ['frames in a file', frames],
    ['chunks taken over', takenOver],
    ['bytes in a file', bytes],
    ['a slow socket', socket],
  ],
}
