// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { FrameReader, FrameWriter, openDevice } from '../../../lib/index.js'
import type { BulkChannel } from '../../../lib/transport/index.js'
import { TestDevice } from '../../support/test-device.js'
import { Ends, kinds, textOf } from './ends.js'

const MiB = 1024 * 1024
const code = (name: string) => ({ code: name })

interface Channels {
  readonly out: BulkChannel
  readonly in: BulkChannel
}

/** `up`: from who connected to who was connected to. */
async function channels(ends: Ends, way: 'up' | 'down'): Promise<Channels> {
  const [from, to] = way === 'up' ? [ends.client, ends.server] : [ends.server, ends.client]
  // The last message and the first byte of data may arrive together.
  await from.send(Buffer.from('now'))
  const outgoing = await from.bulk('out')
  await using writer = FrameWriter.open(outgoing.fd)
  await writer.writeManifest({ devices: [{ index: 0, protocol: 'v2' }] })
  expect(textOf(await to.receive())).toBe('now')
  const incoming = await to.bulk('in')
  await using reader = FrameReader.open(incoming.fd)
  expect((await reader.readManifest()).devices).toHaveLength(1)
  return { out: outgoing, in: incoming }
}

describe.each(kinds)('bulk data over %s', (kind) => {
  it.each(['up', 'down'] as const)('goes from device to device, %s', { timeout: 60_000 }, async (way) => {
    await using ends = await Ends.over(kind)
    await using source = await openDevice('sim:v2,state=64MiB')
    await using destination = await openDevice('sim:v2,state=64MiB')
    await (await TestDevice.of(source)).fill(23)
    const ways = await channels(ends, way)
    await using saving = await (await source.migration()).save()
    await using loading = await (await destination.migration()).load()
    const sent = saving.pipeTo(ways.out.fd).then(async (moved) => {
      await ways.out.finish()
      return moved
    })
    const received = loading.loadFrom(ways.in.fd)
    expect((await sent).bytes).toBeGreaterThanOrEqual(64 * MiB)
    expect((await received).bytes).toBe((await sent).bytes)
    await ways.in.finish()
    await loading.complete()
    await saving.complete()
    await ways.out.close()
    await ways.in.close()
    expect(await (await TestDevice.of(destination)).firstDifference(23)).toBeUndefined()
  })

  it('uses the connection up', async () => {
    await using ends = await Ends.over(kind)
    const received = ends.server.receive()
    await expect(ends.server.bulk('in')).rejects.toMatchObject(code('ERR_VFIO_BUSY'))
    await using channel = await ends.client.bulk('out')
    await expect(ends.client.send(Buffer.from('x'))).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
    await expect(ends.client.receive()).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
    await expect(ends.client.bulk('in')).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
    ends.client.destroy()
    await ends.client.close()
    expect(channel.fd).toBeGreaterThan(2) // the channel's own, still
    await channel.close()
    await channel.close()
    expect(() => channel.fd).toThrow(expect.objectContaining(code('ERR_VFIO_CLOSED')))
    await expect(channel.finish()).rejects.toMatchObject(code('ERR_VFIO_CLOSED'))
    expect(await received).toBeUndefined()
  })

  it('is not finished while any is left to read', async () => {
    await using ends = await Ends.over(kind)
    const ways = await channels(ends, 'up')
    await using writer = FrameWriter.open(ways.out.fd)
    await writer.writeManifest({ devices: [{ index: 0, protocol: 'v2' }] })
    await writer.close()
    await expect(ways.in.finish()).rejects.toMatchObject(code('ERR_VFIO_MALFORMED'))
    await ways.out.close()
    await ways.in.close()
  })

  it('is not finished before the other side has ended it', async () => {
    await using ends = await Ends.over(kind)
    const ways = await channels(ends, 'up')
    await expect(ways.in.finish({ timeout: 30 })).rejects.toMatchObject(code('ERR_VFIO_PEER_TIMEOUT'))
    const controller = new AbortController()
    const finished = ways.in.finish({ signal: controller.signal })
    controller.abort()
    await expect(finished).rejects.toMatchObject({ name: 'AbortError' })
    await ways.out.close()
    await ways.in.finish()
    await ways.in.close()
  })

  it('lets go of a pump that waits to write, or to read', async () => {
    await using ends = await Ends.over(kind)
    const ways = await channels(ends, 'up')
    await using source = await openDevice('sim:v2,state=64MiB')
    await using saving = await (await source.migration()).save({ bufferSize: 65_536 })
    const stuck = expect(saving.pipeTo(ways.out.fd)).rejects.toMatchObject(code('EPIPE'))
    await new Promise((resolve) => setTimeout(resolve, 300))
    // Nobody reads: the buffers are full, and they are no larger than they should be.
    expect(saving.moved.bytes).toBeGreaterThan(0)
    expect(saving.moved.bytes).toBeLessThan(24 * MiB)
    ways.out.destroy(new Error('enough'))
    await stuck
    await expect(ways.out.finish()).rejects.toThrow('enough')
    await using back = await Ends.over(kind)
    const others = await channels(back, 'down')
    await using reader = FrameReader.open(others.in.fd)
    const read = expect(reader.next()).rejects.toMatchObject(code('ERR_VFIO_STREAM_TRUNCATED'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    others.in.destroy()
    await read
    for (const channel of [ways.out, ways.in, others.out, others.in]) await channel.close()
  })

  it('whose reader goes away fails for its writer', async () => {
    await using ends = await Ends.over(kind)
    const ways = await channels(ends, 'up')
    await using source = await openDevice('sim:v2,state=64MiB')
    await using saving = await (await source.migration()).save()
    const stuck = expect(saving.pipeTo(ways.out.fd)).rejects.toMatchObject({
      code: expect.stringMatching(/^(EPIPE|ECONNRESET)$/),
    })
    await new Promise((resolve) => setTimeout(resolve, 50))
    await ways.in.close()
    await stuck
    await expect(ways.out.finish()).rejects.toMatchObject(code('ERR_VFIO_PEER_LOST'))
    await ways.out.close()
  })
})
