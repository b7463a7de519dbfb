// SPDX-License-Identifier: MIT
import type { JournalFacts } from '../commit/journal-format.js'
import type { Member } from '../coordinator/member.js'
import { holderOf } from './holder.js'
import { printable } from './messages.js'

/** What a journal says of the migration it is about, besides its records. */
export async function journalFacts(
  members: readonly Member[],
  address: string,
  key: string,
): Promise<JournalFacts> {
  return {
    devices: await Promise.all(
      members.map(async ({ device, migration }) => {
        // A name that the journal cannot hold could not be found again.
        const holder = printable(device.spec, 1024) === device.spec ? await holderOf(device.spec) : undefined
        return {
          spec: printable(device.spec, 1024),
          protocol: migration.protocol,
          ...(holder === undefined ? {} : { holder }),
        }
      }),
    ),
    address,
    key,
  }
}
