// SPDX-License-Identifier: MIT
import { constants } from 'node:fs'
import { type FileHandle, mkdir, open, readdir, readFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { join } from 'node:path'
import * as v from 'valibot'
import { VfioError } from '../errors/index.js'
import { isFileLocked, tryLockFile } from './file-lock.js'
import {
  decodeJournal,
  encodeLine,
  type JournalContents,
  type JournalFacts,
  type JournalHeader,
  migrationIdSchema,
  recordRoom,
} from './journal-format.js'
import type { CommitRecord } from './step.js'

/** O_DSYNC: a record is written and on disk by one call, while devices stand still. */
const access = constants.O_RDWR | constants.O_DSYNC | constants.O_NOFOLLOW

export type JournalSide = 'source' | 'destination'

/** A journal as it lies on disk. */
export interface JournalSummary {
  readonly path: string
  readonly id: string
  readonly side: JournalSide
  /** ISO 8601. */
  readonly created: string
  readonly facts: JournalFacts
  /** In the order in which they were written. */
  readonly records: readonly { readonly record: CommitRecord; readonly at: string }[]
  /** Whether the last record was cut off: it counts as not written. */
  readonly torn: boolean
  /** Whether an engine has it open. */
  readonly live: boolean
}

/** Where journals are kept unless told otherwise: `$STATE_DIRECTORY`, else by the rules of the XDG base directories; `/var/lib` for root. */
export function defaultJournalDirectory(): string {
  const { STATE_DIRECTORY, XDG_STATE_HOME } = process.env
  if (STATE_DIRECTORY) return join(STATE_DIRECTORY.split(':')[0] as string, 'journals')
  if (process.getuid?.() === 0) return '/var/lib/vfio-migration/journals'
  return join(XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'vfio-migration', 'journals')
}

/** @throws {VfioError} `ERR_VFIO_JOURNAL`: an id is 1 to 64 letters, digits, `-` and `_` */
export function checkMigrationId(id: string): string {
  if (v.is(migrationIdSchema, id)) return id
  throw new VfioError('ERR_VFIO_JOURNAL', 'a migration id is 1 to 64 letters, digits, - and _')
}

/**
 * What an engine knows of one migration after a crash. Every record is on disk before anything that follows it is done. The file has its
 * full size from the beginning, so that a disk that fills up cannot come between a stopped device and its commit.
 */
export class Journal implements AsyncDisposable {
  readonly path: string
  readonly header: JournalHeader
  /** Told of each record that is on disk, and how many milliseconds that took. */
  onAppend: (record: CommitRecord, syncMs: number) => void = () => {}
  readonly #handle: FileHandle
  readonly #records: CommitRecord[]
  #end: number
  #broken: VfioError | undefined
  #closed: Promise<void> | undefined
  #lastSyncMs = 0

  private constructor(path: string, handle: FileHandle, contents: JournalContents) {
    this.path = path
    this.header = contents.header
    this.#handle = handle
    this.#records = contents.lines.map(({ record }) => record)
    this.#end = contents.end
  }

  /**
   * Begins the journal of a migration. The file stays for ever (or until somebody removes it): an id is used once.
   * @throws {VfioError} `ERR_VFIO_ID_USED`: this side has had a migration of that id
   */
  static async create(
    directory: string,
    side: JournalSide,
    id: string,
    facts: JournalFacts,
  ): Promise<Journal> {
    const header: JournalHeader = {
      journal: 1,
      id: checkMigrationId(id),
      side,
      created: new Date().toISOString(),
      facts,
    }
    const path = pathOf(directory, side, id)
    await mkdir(directory, { recursive: true, mode: 0o700 })
    const { O_CREAT, O_EXCL } = constants
    let handle: FileHandle
    try {
      handle = await open(path, access | O_CREAT | O_EXCL, 0o600)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
      throw new VfioError(
        'ERR_VFIO_ID_USED',
        `a migration ${id} has been here before (${path}); ids are used once`,
      )
    }
    try {
      await lock(handle, path)
      const line = encodeLine(header)
      const bytes = Buffer.concat([line, Buffer.alloc(recordRoom)])
      await handle.write(bytes, 0, bytes.length, 0)
      await handle.sync()
      await syncDirectory(directory)
      return new Journal(path, handle, { header, lines: [], end: line.length, torn: false })
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /**
   * Goes on with a journal that its engine left.
   * @throws {VfioError} `ERR_VFIO_BUSY`: its engine lives; `ERR_VFIO_JOURNAL`: there is none, or it is damaged
   */
  static async open(directory: string, side: JournalSide, id: string): Promise<Journal> {
    const path = pathOf(directory, side, checkMigrationId(id))
    const handle = await open(path, access).catch((error: NodeJS.ErrnoException) => {
      if (error.code !== 'ENOENT') throw error
      throw new VfioError('ERR_VFIO_JOURNAL', `${path}: there is no journal of a migration ${id}`, {
        cause: error,
      })
    })
    try {
      await lock(handle, path)
      const bytes = await handle.readFile()
      const contents = decodeJournal(bytes, path)
      if (contents.torn) {
        // Half a record is taken away before another is written over it.
        const zeros = Buffer.alloc(bytes.length - contents.end)
        await handle.write(zeros, 0, zeros.length, contents.end)
        await handle.sync()
      }
      return new Journal(path, handle, contents)
    } catch (error) {
      await handle.close()
      throw error
    }
  }

  /** @throws {VfioError} `ERR_VFIO_JOURNAL` */
  static async read(path: string): Promise<JournalSummary> {
    const { header, lines, torn } = decodeJournal(await readFile(path), path)
    const { id, side, created, facts } = header
    const records = lines.map(({ record, at }) => ({ record, at }))
    return { path, id, side, created, facts, records, torn, live: await isLive(path) }
  }

  /** All journals of a directory, the oldest first, and the files that look like one and are none. */
  static async list(
    directory: string,
  ): Promise<{ journals: JournalSummary[]; damaged: { path: string; error: Error }[] }> {
    const journals: JournalSummary[] = []
    const damaged: { path: string; error: Error }[] = []
    const names = await readdir(directory).catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return []
      throw error
    })
    for (const name of names.filter((one) => one.endsWith('.journal'))) {
      const path = join(directory, name)
      try {
        journals.push(await Journal.read(path))
      } catch (error) {
        damaged.push({ path, error: error as Error })
      }
    }
    journals.sort((a, b) => (a.created < b.created ? -1 : a.created > b.created ? 1 : 0))
    return { journals, damaged }
  }

  get id(): string {
    return this.header.id
  }

  get records(): readonly CommitRecord[] {
    return this.#records
  }

  /** How long the last record took to be on disk, in milliseconds. */
  get lastSyncMs(): number {
    return this.#lastSyncMs
  }

  /**
   * Writes a record, and resolves when it is on disk.
   * @throws {VfioError} `ERR_VFIO_JOURNAL`: it is not, or that is not known; nothing more can be written then
   */
  async append(record: CommitRecord): Promise<void> {
    if (this.#broken) throw this.#broken
    if (this.#closed) throw new VfioError('ERR_VFIO_CLOSED', `${this.path} is closed`)
    const line = encodeLine({ n: this.#records.length + 1, record, at: new Date().toISOString() })
    const started = performance.now()
    try {
      const { bytesWritten } = await this.#handle.write(line, 0, line.length, this.#end)
      if (bytesWritten !== line.length)
        throw new Error(`only ${bytesWritten} of ${line.length} bytes were written`)
    } catch (cause) {
      this.#broken = new VfioError(
        'ERR_VFIO_JOURNAL',
        `${this.path}: "${record}" could not be made durable (${(cause as Error).message})`,
        { cause },
      )
      throw this.#broken
    }
    this.#lastSyncMs = performance.now() - started
    this.#end += line.length
    this.#records.push(record)
    this.onAppend(record, this.#lastSyncMs)
  }

  /** Lets go of it; its engine then counts as gone. Idempotent. */
  close(): Promise<void> {
    this.#closed ??= this.#handle.close()
    return this.#closed
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

function pathOf(directory: string, side: JournalSide, id: string): string {
  return join(directory, `${id}.${side}.journal`)
}

/** Until the file is closed. */
async function lock(handle: FileHandle, path: string): Promise<void> {
  if (await tryLockFile(handle.fd)) return
  throw new VfioError('ERR_VFIO_BUSY', `${path}: the engine of this migration is running`)
}

async function isLive(path: string): Promise<boolean> {
  const handle = await open(path, constants.O_RDWR | constants.O_NOFOLLOW)
  try {
    return await isFileLocked(handle.fd)
  } finally {
    await handle.close()
  }
}

async function syncDirectory(path: string): Promise<void> {
  const handle = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}
