// SPDX-License-Identifier: MIT
import { open as openFile } from 'node:fs/promises'
import { describe, expect, it } from 'vitest'
import { membersOf } from '../../../lib/coordinator/member.js'
import { SaveSet } from '../../../lib/coordinator/save-set.js'
import { open } from '../engine/two-engines.js'

const SPECS = ['sim:v2,state=1MiB,seed=1', 'sim:v2,state=1MiB,seed=2'] as const

async function states(devices: Awaited<ReturnType<typeof open>>): Promise<string[]> {
  return Promise.all(devices.map(async (device) => (await device.migration()).state()))
}

describe('a set of saves', () => {
  it('that fails while data is left leads its devices back by itself', async () => {
    await using devices = await open(...SPECS)
    await using nowhere = await openFile('/dev/null', 'w')
    const saves = new SaveSet(await membersOf(devices), { policy: () => 'switch' })
    const failed = saves.save(async (save, index) => {
      if (index === 0) throw new Error('the disk is full')
      await save.pipeTo(nowhere.fd)
    })
    await expect(failed).rejects.toThrow('the disk is full')
    await saves.rollBack()
    expect(await states(devices)).toEqual(['running', 'running'])
  })

  it('that fails when everything was read leaves them stopped until it is told to lead them back', async () => {
    await using devices = await open(...SPECS)
    await using nowhere = await openFile('/dev/null', 'w')
    const saves = new SaveSet(await membersOf(devices), { policy: () => 'switch' })
    let read = 0
    const failed = saves.save(async (save, index) => {
      await save.pipeTo(nowhere.fd)
      read += 1
      while (read < SPECS.length) await new Promise((resolve) => setTimeout(resolve, 5))
      if (index === 0) throw new Error('the connection broke')
    })
    await expect(failed).rejects.toThrow('the connection broke')
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(await states(devices)).toEqual(['stop-copy', 'stop-copy'])
    const ends = await saves.rollBack()
    expect(ends.map(({ state }) => state)).toEqual(['running', 'running'])
  })
})
