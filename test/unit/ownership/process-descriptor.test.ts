// SPDX-License-Identifier: MIT
import { expect, it, vi } from 'vitest'
import { takeFromProcess } from '../../../lib/ownership/process-descriptor.js'

const { answer } = vi.hoisted(() => ({ answer: { errno: 0 } }))
vi.mock('../../../lib/binding.js', () => ({
  binding: () => ({
    takeFromProcess: async () => ({
      failed: true,
      reason: 'system',
      errno: answer.errno,
      syscall: 'pidfd_getfd',
      operation: 'descriptor 9 of process 42',
      detail: '',
    }),
  }),
}))

it.each([
  ['EPERM', -1, 'ERR_VFIO_PERMISSION', 'ptrace_scope'],
  ['ESRCH', -3, 'ERR_VFIO_NOT_HANDED_OVER', 'no process 42'],
  ['EBADF', -9, 'ERR_VFIO_NOT_HANDED_OVER', 'no descriptor 9'],
  ['ENOSYS', -38, 'ERR_VFIO_UNSUPPORTED', '5.6'],
  ['EMFILE', -24, 'EMFILE', 'pidfd_getfd'],
])('the kernel’s %s when a descriptor is taken is explained', async (_, errno, code, why) => {
  answer.errno = errno
  await expect(takeFromProcess(42, 9)).rejects.toMatchObject({
    code,
    message: expect.stringContaining(why),
    device: 'pid:42/9',
  })
})
