// SPDX-License-Identifier: MIT
// A saved device in a file: it appears under its name whole and on disk, or not at all.
import { constants, type Stats } from 'node:fs'
import { type FileHandle, link, lstat, open, rename, unlink } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { VfioError } from '../errors/index.js'

export interface CreateImageOptions {
  /** Replace a regular file of that name. Default false: `ERR_VFIO_FILE_EXISTS`. */
  readonly overwrite?: boolean
}

// NAME_MAX of every file system in use, in bytes.
const maxNameBytes = 255

/**
 * A file being written: beside its final name, as `.NAME.PID.tmp`, mode 0600, since a device image may hold secrets. {@link commit} puts it
 * in place; {@link discard}, or disposal before the commit, removes it.
 */
export class ImageFile implements AsyncDisposable {
  /** The name the file will have. */
  readonly path: string
  readonly #handle: FileHandle
  readonly #temporary: string
  readonly #overwrite: boolean
  #state: 'open' | 'committed' | 'discarded' = 'open'

  private constructor(path: string, temporary: string, handle: FileHandle, overwrite: boolean) {
    this.path = path
    this.#temporary = temporary
    this.#handle = handle
    this.#overwrite = overwrite
  }

  /**
   * @throws {VfioError} `ERR_VFIO_FILE_EXISTS`: something has that name and `overwrite` is not set, or it is no regular file
   * @throws the file system's own errors (`ENOENT`, `EACCES`, `ENOSPC`, …)
   */
  static async create(path: string, options: CreateImageOptions = {}): Promise<ImageFile> {
    const overwrite = options.overwrite ?? false
    // Asked again at the commit, which decides; asked here so that nobody's device is stopped for a file that cannot be.
    await checkFree(path, overwrite)
    for (let attempt = 0; ; attempt += 1) {
      const temporary = temporaryPath(path, attempt)
      try {
        const flags = constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL | constants.O_NOFOLLOW
        return new ImageFile(path, temporary, await open(temporary, flags, 0o600), overwrite)
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST' || attempt === 100) throw error
      }
    }
  }

  /** Valid until the commit or the discard. */
  get fd(): number {
    return this.#handle.fd
  }

  /** Writes a text at the end of what was written so far. */
  async write(text: string): Promise<void> {
    await this.#handle.appendFile(text)
  }

  /**
   * Everything to disk, then the name, then the folder to disk. On failure nothing is left behind.
   * @throws {VfioError} `ERR_VFIO_FILE_EXISTS`: somebody else made a file of that name meanwhile
   */
  async commit(): Promise<void> {
    if (this.#state !== 'open') throw new VfioError('ERR_VFIO_CLOSED', `${this.path} is ${this.#state}`)
    try {
      await this.#handle.sync()
      await checkFree(this.path, this.#overwrite)
      if (this.#overwrite) await rename(this.#temporary, this.path)
      else await this.#claim()
      this.#state = 'committed'
    } catch (error) {
      await this.discard()
      throw error
    }
    await this.#handle.close()
    await syncFolder(dirname(this.path))
  }

  /** Removes what was written. Idempotent; does nothing after a commit. */
  async discard(): Promise<void> {
    if (this.#state !== 'open') return
    this.#state = 'discarded'
    try {
      await unlink(this.#temporary)
    } finally {
      await this.#handle.close()
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.discard()
  }

  // link() fails where the name exists, and rename() does not: the one way to take a name without a race.
  async #claim(): Promise<void> {
    try {
      await link(this.#temporary, this.path)
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException
      if (code === 'EEXIST') throw fileExists(this.path)
      if (code !== 'EPERM' && code !== 'EOPNOTSUPP' && code !== 'ENOTSUP' && code !== 'EMLINK') throw error
      await this.#claimWithoutLinks()
      return
    }
    await unlink(this.#temporary)
  }

  // A file system without hard links (vfat, some FUSE): an empty file holds the name until the rename.
  async #claimWithoutLinks(): Promise<void> {
    try {
      await (await open(this.path, constants.O_WRONLY | constants.O_CREAT | constants.O_EXCL, 0o600)).close()
    } catch (error) {
      throw (error as NodeJS.ErrnoException).code === 'EEXIST' ? fileExists(this.path) : error
    }
    await rename(this.#temporary, this.path)
  }
}

/**
 * Opens a saved device for reading. The caller closes the handle.
 * @throws {VfioError} `ERR_VFIO_MALFORMED`: not a regular file. Pipes and sockets are read through their descriptors instead.
 */
export async function openImage(path: string): Promise<FileHandle> {
  // O_NONBLOCK: the open of a FIFO would wait for a writer before anyone could see that it is one.
  const handle = await open(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stats = await handle.stat()
    if (!stats.isFile())
      throw new VfioError('ERR_VFIO_MALFORMED', `${path} is ${fileKind(stats)}, not a regular file`)
    return handle
  } catch (error) {
    await handle.close()
    throw error
  }
}

function temporaryPath(path: string, attempt: number): string {
  const suffix = `.${process.pid}${attempt === 0 ? '' : `.${attempt}`}.tmp`
  let name = basename(path)
  while (Buffer.byteLength(name) + suffix.length + 1 > maxNameBytes) name = name.slice(0, -1)
  return join(dirname(path), `.${name}${suffix}`)
}

async function checkFree(path: string, overwrite: boolean): Promise<void> {
  let stats: Stats
  try {
    stats = await lstat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (!overwrite) throw fileExists(path)
  if (!stats.isFile()) {
    throw new VfioError(
      'ERR_VFIO_FILE_EXISTS',
      `${path} is ${fileKind(stats)}; only a regular file is overwritten`,
    )
  }
}

function fileExists(path: string): VfioError {
  return new VfioError(
    'ERR_VFIO_FILE_EXISTS',
    `${path} exists already; choose another name, or ask for it to be overwritten`,
  )
}

function fileKind(stats: Stats): string {
  if (stats.isDirectory()) return 'a directory'
  if (stats.isSymbolicLink()) return 'a symbolic link'
  if (stats.isFIFO()) return 'a FIFO'
  if (stats.isSocket()) return 'a socket'
  return 'a device node'
}

async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, constants.O_RDONLY | constants.O_DIRECTORY)
  try {
    await folder.sync()
  } catch (error) {
    // Some file systems cannot sync a folder; the file itself is on disk.
    if ((error as NodeJS.ErrnoException).code !== 'EINVAL') throw error
  } finally {
    await folder.close()
  }
}
