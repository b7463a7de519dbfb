// SPDX-License-Identifier: MIT

import type { Member } from '../coordinator/member.js'
import type { Notice, NoticeKind } from '../device/notices.js'
import { VfioError } from '../errors/index.js'

const meanings: Readonly<Record<NoticeKind, string>> = {
  request: 'the kernel wants it back: somebody unbinds its driver or removes it',
  unplugged: 'it has left the bus',
  'device-error': 'it reported an error that was not corrected (AER)',
}

/**
 * Listens to what the drivers of a set have to say while it moves. The default of a device that is wanted back, to be closed after a grace,
 * holds again once the listening has ended.
 * @returns ends the listening
 */
export function watchDevices(members: readonly Member[], trouble: (error: VfioError) => void): () => void {
  const tell = ({ kind, device }: Notice): void => {
    trouble(new VfioError('ERR_VFIO_DEVICE_TROUBLE', `${device}: ${meanings[kind]}`, { device }))
  }
  const kinds = Object.keys(meanings) as NoticeKind[]
  for (const { device } of members) for (const kind of kinds) device.notices.on(kind, tell)
  return () => {
    for (const { device } of members) for (const kind of kinds) device.notices.off(kind, tell)
  }
}
