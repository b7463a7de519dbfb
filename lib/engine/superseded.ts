// SPDX-License-Identifier: MIT
import { Journal, type JournalSummary } from '../commit/journal.js'
import { VfioError } from '../errors/index.js'

/** A later migration of one of the same devices: what became of them is its to say, and no longer this one's. */
export function supersededBy(
  journal: JournalSummary,
  all: readonly JournalSummary[],
): JournalSummary | undefined {
  const specs = new Set(journal.facts.devices.map(({ spec }) => spec))
  return all.find(
    (other) =>
      other.path !== journal.path &&
      other.created > journal.created &&
      !(other.id === journal.id && other.side !== journal.side) &&
      other.facts.devices.some(({ spec }) => specs.has(spec)),
  )
}

/** @throws {VfioError} `ERR_VFIO_JOURNAL`: the devices have been in another migration since */
export async function refuseSuperseded(directory: string, path: string): Promise<void> {
  const { journals } = await Journal.list(directory)
  const journal = journals.find((one) => one.path === path)
  const later = journal && supersededBy(journal, journals)
  if (later === undefined) return
  throw new VfioError(
    'ERR_VFIO_JOURNAL',
    `the devices have been in migration ${later.id} (${later.side}) since: this one has nothing more to say of them; recover that one`,
  )
}
