// SPDX-License-Identifier: MIT
import { closeSync, openSync, readFileSync } from 'node:fs'
import { setTimeout as wait } from 'node:timers/promises'
import { afterEach, describe, expect, it } from 'vitest'
import { EventFd } from '../../../lib/index.js'

describe('an eventfd', () => {
  const open: EventFd[] = []
  const made = (): EventFd => {
    const event = EventFd.open()
    open.push(event)
    return event
  }
  afterEach(() => {
    for (const event of open.splice(0)) event.close()
  })

  it('adds up what nobody waits for', async () => {
    const event = made()
    event.signal()
    event.signal(4)
    expect(await event.wait()).toBe(5)
    expect(event.take()).toBe(0)
  })

  it('wakes whoever waits, in the order they came', async () => {
    const event = made()
    const waiting = [event.wait(), event.wait(), event.wait()]
    for (const each of waiting) {
      event.signal()
      expect(await each).toBe(1)
    }
  })

  it('is iterated to the end that closing makes', async () => {
    const event = made()
    const counts: number[] = []
    const done = (async () => {
      for await (const count of event) counts.push(count)
    })()
    event.signal(2)
    await wait(50)
    event.signal(3)
    await wait(50)
    event.close()
    await done
    expect(counts).toEqual([2, 3])
  })

  it('leaves the counter alone while nobody waits', async () => {
    const event = made()
    event.signal()
    await event.wait()
    event.signal(7)
    await wait(30)
    expect(event.take()).toBe(7)
  })

  it('gives up a wait without taking anything', async () => {
    const event = made()
    const controller = new AbortController()
    const waiting = event.wait({ signal: controller.signal })
    const other = event.wait()
    controller.abort(new Error('enough'))
    await expect(waiting).rejects.toMatchObject({ code: 'ABORT_ERR', cause: { message: 'enough' } })
    event.signal(3)
    expect(await other).toBe(3)
    await expect(event.wait({ signal: AbortSignal.abort() })).rejects.toMatchObject({ name: 'AbortError' })
  })

  it('keeps what arrives for somebody who has just given up', async () => {
    const event = made()
    let total = 0
    for (let round = 0; round < 200; round++) {
      const controller = new AbortController()
      const waiting = event.wait({ signal: controller.signal }).then(
        (count) => {
          total += count
        },
        () => {},
      )
      event.signal()
      if (round % 3 !== 0) await new Promise((turn) => setImmediate(turn))
      controller.abort()
      await waiting
    }
    // What is still on its way arrives within a moment.
    await wait(50)
    expect(total + event.take()).toBe(200)
  })

  it('lets the event loop turn however fast it is signalled', async () => {
    const event = made()
    let turns = 0
    const timer = setInterval(() => turns++, 1)
    const end = Date.now() + 100
    while (Date.now() < end) {
      event.signal()
      await event.wait()
    }
    clearInterval(timer)
    expect(turns).toBeGreaterThan(3)
  })

  it('refuses whoever waits when it is closed, and everybody afterwards', async () => {
    const event = made()
    const waiting = event.wait()
    event.close()
    event.close()
    await expect(waiting).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    await expect(event.wait()).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    expect(() => event.signal()).toThrow('closed')
    expect(() => event.descriptor).toThrow('closed')
  })

  it('adopts a duplicate of an eventfd that does not block', async () => {
    const event = made()
    const twin = EventFd.adopt(event.descriptor)
    open.push(twin)
    expect(twin.descriptor).not.toBe(event.descriptor)
    twin.signal(2)
    expect(event.take()).toBe(2)
    event.close()
    twin.signal()
    expect(await twin.wait()).toBe(1)
  })

  it('adopts nothing else', () => {
    const file = openSync('/dev/null', 'r')
    try {
      expect(() => EventFd.adopt(file)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_MALFORMED' }))
    } finally {
      closeSync(file)
    }
    expect(() => EventFd.adopt(98765)).toThrow(expect.objectContaining({ code: 'EBADF' }))
    expect(() => EventFd.adopt(-1)).toThrow(RangeError)
  })

  it('counts from 1', () => {
    const event = made()
    for (const count of [0, -1, 1.5, Number.NaN, 2 ** 53])
      expect(() => event.signal(count)).toThrow(RangeError)
  })

  it('is waited for by one thread, however many there are', async () => {
    const events = Array.from({ length: 100 }, made)
    const before = threads()
    const all = Promise.all(events.map((event) => event.wait()))
    expect(threads() - before).toBeLessThanOrEqual(1)
    for (const event of events) event.signal()
    expect(await all).toEqual(Array(100).fill(1))
  })
})

function threads(): number {
  return Number(/^Threads:\s*(\d+)/m.exec(readFileSync('/proc/self/status', 'utf8'))?.[1])
}
