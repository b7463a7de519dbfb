// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import { errorFrom, isFailure, VfioError } from '../errors/index.js'
import { Descriptor } from './descriptor.js'

/**
 * Takes a duplicate of descriptor `fd` of the process `pid`, by pidfd_open(2) and pidfd_getfd(2) (Linux 5.6). The other process
 * notices nothing, and keeps its own.
 * @param spec names the descriptor in errors
 * @throws {VfioError} `ERR_VFIO_PERMISSION`: the kernel wants the access that a debugger has; `ERR_VFIO_NOT_HANDED_OVER`: there is no such
 *   process, or it has no such descriptor
 */
export async function takeFromProcess(
  pid: number,
  fd: number,
  spec = `pid:${pid}/${fd}`,
): Promise<Descriptor> {
  const taken = await binding().takeFromProcess(pid, fd)
  if (!isFailure(taken)) return new Descriptor(taken)
  const cause = errorFrom(taken, spec)
  const details = { device: spec, cause }
  switch (cause.code) {
    case 'EPERM':
      throw new VfioError(
        'ERR_VFIO_PERMISSION',
        `this process may not take descriptors of process ${pid}: that needs what a debugger needs (the same user and a process that can be ` +
          'traced, or CAP_SYS_PTRACE; kernel.yama.ptrace_scope above 0 forbids it between processes that are not parent and child). ' +
          'Or let its owner hand the device over a socket',
        details,
      )
    case 'ESRCH':
      throw new VfioError('ERR_VFIO_NOT_HANDED_OVER', `there is no process ${pid}`, details)
    case 'EBADF':
      throw new VfioError('ERR_VFIO_NOT_HANDED_OVER', `process ${pid} has no descriptor ${fd}`, details)
    case 'ENOSYS':
      throw new VfioError('ERR_VFIO_UNSUPPORTED', 'pidfd_getfd needs Linux 5.6 or later', details)
    default:
      throw cause
  }
}
