// SPDX-License-Identifier: MIT

import type { Prediction } from '../rehearsal/prediction.js'
import { ImageFile } from '../stream/image-file.js'
import type { ChromeTrace } from './chrome-trace.js'
import type { MergedReport } from './merge.js'
import type { RunReport } from './run-report.js'

/**
 * A report being written: beside its name, mode 0600, and under its name only once it is whole and on disk. Made before the operation that it
 * is to tell of, so that nobody's device is stopped for a report that cannot be kept.
 */
export class ReportFile implements AsyncDisposable {
  readonly #file: ImageFile

  private constructor(file: ImageFile) {
    this.#file = file
  }

  /** Replaces a regular file of that name. @throws {VfioError} `ERR_VFIO_FILE_EXISTS`: it is no regular file; the file system's own errors */
  static async create(path: string): Promise<ReportFile> {
    return new ReportFile(await ImageFile.create(path, { overwrite: true }))
  }

  /** Once. */
  async write(content: RunReport | MergedReport | ChromeTrace | Prediction): Promise<void> {
    await this.#file.write(`${JSON.stringify(content)}\n`)
    await this.#file.commit()
  }

  /** Leaves nothing, unless it was written. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.#file.discard()
  }
}

/**
 * Writes a report, or a trace, as JSON, readable by its owner alone; replaces a regular file of that name.
 * @throws {VfioError} `ERR_VFIO_FILE_EXISTS`: what has that name is no regular file; the file system's own errors
 */
export async function writeRunReport(
  path: string,
  content: RunReport | MergedReport | ChromeTrace,
): Promise<void> {
  await using file = await ReportFile.create(path)
  await file.write(content)
}
