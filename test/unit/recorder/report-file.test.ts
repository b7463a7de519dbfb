// SPDX-License-Identifier: MIT
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { chromeTrace, FlightRecorder, writeRunReport } from '../../../lib/index.js'
import { ReportFile } from '../../../lib/recorder/report-file.js'

let folder: string
let path: string
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'vfio-report-'))
  path = join(folder, 'run.json')
})
afterEach(() => rmSync(folder, { recursive: true }))

describe('a report on disk', () => {
  it('is JSON that its owner alone reads, under its name when it is whole', async () => {
    const report = new FlightRecorder().report()
    await using file = await ReportFile.create(path)
    expect(readdirSync(folder)).not.toContain('run.json')
    await file.write(report)
    expect(readdirSync(folder)).toEqual(['run.json'])
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual(report)
  })

  it('replaces an older one', async () => {
    writeFileSync(path, 'old', { mode: 0o644 })
    await writeRunReport(path, chromeTrace(new FlightRecorder().report()))
    expect(JSON.parse(readFileSync(path, 'utf8'))).toHaveProperty('traceEvents')
    expect(statSync(path).mode & 0o777).toBe(0o600)
  })

  it('replaces nothing but a file', async () => {
    mkdirSync(path)
    await expect(writeRunReport(path, new FlightRecorder().report())).rejects.toMatchObject({
      code: 'ERR_VFIO_FILE_EXISTS',
    })
    expect(readdirSync(folder)).toEqual(['run.json'])
  })

  it('that is never written leaves nothing behind', async () => {
    await (await ReportFile.create(path))[Symbol.asyncDispose]()
    expect(readdirSync(folder)).toEqual([])
  })
})
