// SPDX-License-Identifier: MIT
import { chmod, lstat, mkdir, unlink } from 'node:fs/promises'
import { dirname, resolve } from 'node:path'
import { VfioError } from '../errors/index.js'
import { DescriptorListener, DescriptorSocket } from './descriptor-socket.js'

/** How long somebody who listens at an old node may take to show it, in milliseconds. */
const ANSWER_WITHIN = 2000

/** Whether somebody listens at an existing node: who, for people, or `undefined` when its process is dead. */
export type ListenerProbe = (path: string) => Promise<string | undefined>

/**
 * Makes `path` a place where a socket can be made, in a directory that nobody else can enter: made with mode 0700 where it is missing (its
 * parent must exist), and refused where others could enter or write. A node that a dead process left is removed; a live one is not
 * touched.
 * @param toOthers other users may connect (who of them is served, SO_PEERCRED decides): the directory may then be entered, not written,
 *   by others, and is made with mode 0711; the node's mode, 0666, is for the caller to set
 * @throws {VfioError} `ERR_VFIO_SOCKET_PLACE`; `ERR_VFIO_IN_USE`: somebody listens there
 */
export async function prepareSocketPlace(
  path: string,
  toOthers: boolean,
  probe: ListenerProbe,
): Promise<void> {
  await checkDirectory(dirname(resolve(path)), toOthers)
  await removeStale(path, probe)
}

/** Listens for descriptors at `path`: see {@link prepareSocketPlace}. */
export async function listenSafely(path: string, toOthers: boolean): Promise<DescriptorListener> {
  if (path.includes('#')) {
    throw new VfioError(
      'ERR_VFIO_SOCKET_PLACE',
      `${path}: what follows a # is the name of a device (held:SOCKET#NAME)`,
    )
  }
  await prepareSocketPlace(path, toOthers, whoListens)
  const listener = await DescriptorListener.listen(path)
  if (toOthers) await chmod(path, 0o666)
  return listener
}

async function whoListens(path: string): Promise<string | undefined> {
  try {
    await using socket = await DescriptorSocket.connect(path, { timeout: ANSWER_WITHIN })
    return `process ${socket.peer.pid}`
  } catch (error) {
    const cause = (error as { cause?: { code?: unknown } }).cause?.code
    if (cause === 'ECONNREFUSED') return undefined
    if (cause === 'EPROTOTYPE') return 'a process that takes another kind of connection'
    throw error
  }
}

async function checkDirectory(directory: string, toOthers: boolean): Promise<void> {
  const mode = toOthers ? 0o711 : 0o700
  try {
    await mkdir(directory, { mode })
    await chmod(directory, mode) // whatever the umask took away
    return
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code !== 'EEXIST') throw notThere(directory, error)
  }
  const found = await lstat(directory)
  const refuse = (why: string): VfioError =>
    new VfioError(
      'ERR_VFIO_SOCKET_PLACE',
      `${directory} is no safe place for the socket: ${why}. Name one in a directory that does not exist yet, or in one of your own with mode 0700`,
    )
  if (!found.isDirectory()) throw refuse('it is no directory')
  const user = process.geteuid?.() ?? 0
  if (found.uid !== user && found.uid !== 0) throw refuse(`it belongs to user ${found.uid}`)
  if ((found.mode & 0o022) !== 0) throw refuse('others can write to it')
  if (!toOthers && (found.mode & 0o077) !== 0) throw refuse('others can enter or read it')
}

function notThere(directory: string, cause: unknown): VfioError {
  const { message } = cause as Error
  return new VfioError('ERR_VFIO_SOCKET_PLACE', `${directory} cannot be made: ${message}`, { cause })
}

async function removeStale(path: string, probe: ListenerProbe): Promise<void> {
  let found: Awaited<ReturnType<typeof lstat>>
  try {
    found = await lstat(path)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return
    throw error
  }
  if (!found.isSocket()) {
    throw new VfioError('ERR_VFIO_SOCKET_PLACE', `${path} exists and is no socket`)
  }
  const listens = await probe(path)
  if (listens !== undefined) throw new VfioError('ERR_VFIO_IN_USE', `${listens} listens at ${path}`)
  await unlink(path)
}
