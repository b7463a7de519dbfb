// SPDX-License-Identifier: MIT
import { mkdtemp, open, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import fc from 'fast-check'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { checkMigrationId, Journal } from '../../../lib/commit/journal.js'
import { decodeJournal, type JournalFacts } from '../../../lib/commit/journal-format.js'
import type { CommitRecord } from '../../../lib/commit/step.js'

const facts: JournalFacts = {
  devices: [{ spec: 'sim:v2', protocol: 'v2', holder: '1:2:3' }],
  address: 'unix:/run/socket',
  key: 'a key of some length that both know',
}

let folder: string
beforeEach(async () => {
  folder = join(await mkdtemp(join(tmpdir(), 'vfm-journal-')), 'journals')
})
afterEach(() => rm(join(folder, '..'), { recursive: true, force: true }))

const make = (id = 'one') => Journal.create(folder, 'source', id, facts)
const path = (id = 'one') => join(folder, `${id}.source.journal`)

async function written(records: readonly CommitRecord[], id = 'one'): Promise<void> {
  await using journal = await make(id)
  for (const record of records) await journal.append(record)
}

describe('a journal', () => {
  it('says after a crash what was written, in order', async () => {
    await written(['begun', 'committed'])
    await using journal = await Journal.open(folder, 'source', 'one')
    expect(journal.records).toEqual(['begun', 'committed'])
    expect(journal.header).toMatchObject({ id: 'one', side: 'source', facts })
    await journal.append('done')
    expect((await Journal.read(path())).records.map(({ record }) => record)).toEqual([
      'begun',
      'committed',
      'done',
    ])
  })

  it('is its owner’s alone, in a directory of its owner’s alone', async () => {
    await written(['begun'])
    expect((await stat(path())).mode & 0o777).toBe(0o600)
    expect((await stat(folder)).mode & 0o777).toBe(0o700)
  })

  it('has its full size before the first record, so that a full disk comes too late', async () => {
    await using journal = await make()
    const before = (await stat(path())).size
    for (let count = 0; count < 20; count++) await journal.append('begun')
    expect((await stat(path())).size).toBe(before)
  })

  it('is there once for each id and side', async () => {
    await written(['begun'])
    await expect(make()).rejects.toMatchObject({ code: 'ERR_VFIO_ID_USED' })
    await using _other = await Journal.create(folder, 'destination', 'one', facts)
    expect((await readdir(folder)).sort()).toEqual(['one.destination.journal', 'one.source.journal'])
  })

  it('says whether its engine lives, and is not opened beside it', async () => {
    const journal = await make()
    expect(await Journal.read(path())).toMatchObject({ live: true })
    await expect(Journal.open(folder, 'source', 'one')).rejects.toMatchObject({ code: 'ERR_VFIO_BUSY' })
    await journal.close()
    expect(await Journal.read(path())).toMatchObject({ live: false })
  })

  it('that a record could not be written to writes nothing more', async () => {
    const journal = await make()
    await journal.append('begun')
    await journal.close()
    await expect(journal.append('committed')).rejects.toMatchObject({ code: 'ERR_VFIO_CLOSED' })
    expect((await Journal.read(path())).records).toHaveLength(1)
  })

  it('that is no journal is listed as damaged, and hides no other', async () => {
    await written(['begun'])
    await writeFile(join(folder, 'two.source.journal'), 'not a journal\n')
    const { journals, damaged } = await Journal.list(folder)
    expect(journals.map(({ id }) => id)).toEqual(['one'])
    expect(damaged).toMatchObject([{ error: { code: 'ERR_VFIO_JOURNAL' } }])
    expect(await Journal.list(join(folder, 'nowhere'))).toEqual({ journals: [], damaged: [] })
  })
})

describe('a record that was cut off', () => {
  const all: CommitRecord[] = ['begun', 'committed', 'aborted']

  it('counts as not written, wherever it was cut, and is written over', async () => {
    await written(all)
    const whole = await readFile(path())
    const { end } = decodeJournal(whole, 'whole')
    const lastLine = whole.subarray(0, end - 1).lastIndexOf(0x0a) + 1
    for (let cut = lastLine; cut < end; cut += 7) {
      const torn = Buffer.from(whole)
      torn.fill(0, cut)
      await writeFile(path(), torn)
      const read = await Journal.read(path())
      expect(read.records.map(({ record }) => record)).toEqual(['begun', 'committed'])
      expect(read.torn).toBe(cut > lastLine)
      await using journal = await Journal.open(folder, 'source', 'one')
      await journal.append('done')
      expect((await Journal.read(path())).records.map(({ record }) => record)).toEqual([
        'begun',
        'committed',
        'done',
      ])
    }
  })

  it('in the middle is damage, and nothing is believed', async () => {
    await written(all)
    const file = await open(path(), 'r+')
    const bytes = await file.readFile()
    const second = bytes.indexOf(0x0a, bytes.indexOf(0x0a) + 1) + 20
    await file.write(Buffer.from('X'), 0, 1, second)
    await file.close()
    await expect(Journal.read(path())).rejects.toMatchObject({ code: 'ERR_VFIO_JOURNAL' })
    await expect(Journal.open(folder, 'source', 'one')).rejects.toMatchObject({ code: 'ERR_VFIO_JOURNAL' })
  })
})

describe('the bytes of a journal', () => {
  it('are read or refused with a typed error, whatever they are', async () => {
    await written(['begun', 'committed'])
    const whole = await readFile(path())
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { minLength: 1, maxLength: 4 }),
        (changes) => {
          const bytes = Buffer.from(whole)
          for (const [at, value] of changes) bytes[at] = value
          try {
            const { lines } = decodeJournal(bytes, 'changed')
            expect(['begun', 'committed'].slice(0, lines.length)).toEqual(lines.map(({ record }) => record))
          } catch (error) {
            expect(error).toMatchObject({ code: 'ERR_VFIO_JOURNAL' })
          }
        },
      ),
      { numRuns: 2000 },
    )
  })

  it.each(['', '../up', 'a b', 'x'.repeat(65), '-first', 'é'])('an id like %j is refused', (id) => {
    expect(() => checkMigrationId(id)).toThrow(expect.objectContaining({ code: 'ERR_VFIO_JOURNAL' }))
  })
})
