// SPDX-License-Identifier: MIT
import { DirtyBitmap, type DirtyRun } from '../device/dirty-bitmap.js'
import { PAGE } from './memory-layout.js'
import type { DirtyRound } from './memory-owner.js'
import type { MemoryTrackers } from './memory-trackers.js'

/** The longest run that is named at once: an owner that sends it can be told to stop that much later. In bytes. */
const PIECE = 16n * 2n ** 20n

/**
 * A memory's rounds: what was written since the round before, and what that one left out. Two bits for each page, whatever is written; nothing is
 * ever skipped, only put off to the next round.
 */
export class DirtyRounds {
  readonly #trackers: MemoryTrackers
  #naming: DirtyBitmap[]
  #collecting: DirtyBitmap[]
  /** Everything below it has been named in this round. */
  #named = 0n
  #left = 0
  #round = 0
  #cut = false
  #incomplete = 0

  constructor(trackers: MemoryTrackers, ranges: readonly DirtyRun[]) {
    this.#trackers = trackers
    const make = (): DirtyBitmap[] => ranges.map(({ iova, length }) => DirtyBitmap.create(iova, length, PAGE))
    this.#naming = make()
    this.#collecting = make()
  }

  /** How many there were. */
  get count(): number {
    return this.#round
  }

  /** Rounds in which what was written was not known. */
  get incomplete(): number {
    return this.#incomplete
  }

  /** What the round in progress has not named yet, in bytes. */
  get left(): number {
    return this.#left
  }

  /** The next round; the one before is over. The first one names everything. */
  async next(final: boolean): Promise<DirtyRound> {
    const collecting = this.#collecting
    this.#putOff(collecting)
    let cause: Error | undefined
    if (this.#round === 0) for (const bitmap of collecting) bitmap.markAll()
    else cause = await this.#trackers.report(collecting)
    // Before anything is sent: what is written from here on is in the next report.
    if (cause !== undefined && !final) await this.#trackers.restart()
    if (cause !== undefined) this.#incomplete++
    this.#collecting = this.#naming
    for (const bitmap of this.#collecting) bitmap.clear()
    this.#naming = collecting
    this.#named = 0n
    this.#round++
    const dirtyBytes = collecting.reduce((sum, bitmap) => sum + Number(bitmap.dirtyBytes), 0)
    this.#left = dirtyBytes
    const round = this.#round
    const runs = { [Symbol.iterator]: () => this.#runs(round, final) }
    return { round, runs, dirtyBytes, final, complete: cause === undefined, cause }
  }

  /** The round in progress, and any that is not final, names nothing more: what it leaves out is in the next one. */
  cut(): void {
    this.#cut = true
  }

  *#runs(round: number, final: boolean): Generator<DirtyRun, void, undefined> {
    for (const bitmap of this.#naming) {
      for (const { iova, length } of bitmap.runs()) {
        for (let at = iova; at < iova + length; ) {
          if (round !== this.#round || (this.#cut && !final)) return
          const rest = iova + length - at
          const part = rest < PIECE ? rest : PIECE
          // Named twice is no harm, but it is not less that is left.
          if (at >= this.#named) {
            this.#named = at + part
            this.#left -= Number(part)
          }
          yield { iova: at, length: part }
          at += part
        }
      }
    }
  }

  /** What the round before was not asked for. */
  #putOff(into: readonly DirtyBitmap[]): void {
    for (const [index, bitmap] of this.#naming.entries()) {
      const later = into[index] as DirtyBitmap
      if (bitmap.iova >= this.#named) later.merge(bitmap)
      else if (bitmap.iova + bitmap.length > this.#named) {
        for (const { iova, length } of bitmap.runs()) {
          const first = iova > this.#named ? iova : this.#named
          if (first < iova + length) later.mark(first, iova + length - first)
        }
      }
    }
  }
}
