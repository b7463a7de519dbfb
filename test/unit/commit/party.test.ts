// SPDX-License-Identifier: MIT
import { describe, expect, it } from 'vitest'
import { beginDestination, type DestinationEvent, destinationStep } from '../../../lib/commit/destination.js'
import type { Journal } from '../../../lib/commit/journal.js'
import { CommitParty, type PartyActions } from '../../../lib/commit/party.js'
import { beginSource, type SourceEvent, sourceStep } from '../../../lib/commit/source.js'

/** A journal and devices that note what is done, in order; the record named in `fails` is not written. */
function world<Event>(answer: Awaited<ReturnType<PartyActions<Event>['run']>>, fails?: string) {
  const log: string[] = []
  const slowly = (what: string) =>
    new Promise<void>((resolve) => setTimeout(() => resolve(void log.push(what)), 2))
  const journal = {
    append: async (record: string) => {
      if (record === fails) throw new Error('the disk is full')
      await slowly(`write ${record}`)
    },
  } as unknown as Journal
  const actions: PartyActions<Event> = {
    send: (message) => void log.push(`send ${message}`),
    run: async () => {
      await slowly('run')
      return answer
    },
    reset: () => slowly('reset'),
    release: () => slowly('release'),
  }
  return { log, journal, actions }
}

describe('a party of the commit protocol', () => {
  it('does each effect when the one before is done', async () => {
    const { log, journal, actions } = world<SourceEvent>('done')
    const party = new CommitParty(journal, beginSource(), sourceStep, actions)
    void party.dispatch({ kind: 'stopped' })
    void party.dispatch({ kind: 'message', message: 'loaded' })
    await party.dispatch({ kind: 'message', message: 'running' })
    expect(party.state).toBe('done')
    expect(log).toEqual([
      'write begun',
      'write committed',
      'send commit',
      'write done',
      'release',
      'send done',
    ])
  })

  it('takes up what the devices say before anything else that happened meanwhile', async () => {
    const { log, journal, actions } = world<DestinationEvent>({ kind: 'ran' })
    const party = new CommitParty(journal, beginDestination(), destinationStep, actions)
    void party.dispatch({ kind: 'loaded' })
    void party.dispatch({ kind: 'message', message: 'commit' })
    await party.dispatch({ kind: 'message', message: 'done' })
    expect(party.state).toBe('done')
    expect(log.slice(-5)).toEqual(['write committed', 'run', 'write running', 'send running', 'write done'])
  })

  it('stands still for good when a record cannot be written: nothing that depends on it is done', async () => {
    const { log, journal, actions } = world<SourceEvent>('done', 'committed')
    const party = new CommitParty(journal, beginSource(), sourceStep, actions)
    await party.dispatch({ kind: 'stopped' })
    await expect(party.dispatch({ kind: 'message', message: 'loaded' })).rejects.toThrow('the disk is full')
    await expect(party.dispatch({ kind: 'give-up' })).rejects.toThrow('the disk is full')
    expect(log).toEqual(['write begun'])
    expect(party.state).toBe('waiting')
    expect(party.failure).toBeInstanceOf(Error)
  })
})
