// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { errnoName, errorFrom, isFailure, unwrap, VfioError } from '../errors/index.js'
import type { NativeAddressSpace, NativeDevice, NativeFailure } from '../native-binding.js'
import { nativeVfioUserOptions, type VfioUserOptions } from './options.js'

/**
 * Connects to the server at `path`, negotiates, asks for everything about the device that does not change, and gives its DMA an address
 * space: `space`, or one of its own.
 * @throws {VfioError} `ERR_VFIO_NO_SUCH_DEVICE`, `ERR_VFIO_PERMISSION`, `ERR_VFIO_UNSUPPORTED`, `ERR_VFIO_MALFORMED`,
 *   `ERR_VFIO_PEER_LOST`, `ERR_VFIO_PEER_TIMEOUT`
 */
export async function openVfioUser(
  path: string,
  options: VfioUserOptions | undefined,
  spec: string,
  space: NativeAddressSpace | undefined,
): Promise<NativeDevice> {
  const native = await binding().openVfioUser(path, nativeVfioUserOptions(options))
  if (isFailure(native)) throw connectError(native, path, spec) ?? unwrap(native, spec)
  const attached = await native.attach(space ?? binding().createAddressTable())
  if (!isFailure(attached)) return native
  await native.close()
  throw errorFrom(attached, spec)
}

function connectError(failure: NativeFailure, path: string, spec: string): VfioError | undefined {
  const error = (
    code: 'ERR_VFIO_NO_SUCH_DEVICE' | 'ERR_VFIO_PERMISSION' | 'ERR_VFIO_UNSUPPORTED',
    message: string,
  ) => new VfioError(code, message, { device: spec })
  if (failure.reason === 'version') {
    return error('ERR_VFIO_UNSUPPORTED', `${path}: ${failure.detail}`)
  }
  if (failure.reason !== 'system' || !(failure.syscall === 'connect' || failure.syscall === 'open'))
    return undefined
  switch (errnoName(failure.errno)) {
    case 'ENOENT':
      return error('ERR_VFIO_NO_SUCH_DEVICE', `there is no socket ${path}: is the server running?`)
    case 'ECONNREFUSED':
      return error(
        'ERR_VFIO_NO_SUCH_DEVICE',
        `nobody listens on ${path}: it is no socket, or its server has ended`,
      )
    case 'EACCES':
    case 'EPERM':
      return error(
        'ERR_VFIO_PERMISSION',
        `no permission to connect to ${path}: it takes write permission on the socket`,
      )
    default:
      return undefined
  }
}
