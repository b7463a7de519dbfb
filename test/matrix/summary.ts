// SPDX-License-Identifier: MIT
// Runs once around all test files: adds up what the files of the matrix ran, prints it, and wants enough of it.
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import type { TestProject } from 'vitest/node'
import { printed, sumOf, type Tally } from './tally.js'

const ENOUGH = 2000

declare module 'vitest' {
  interface ProvidedContext {
    /** The folder where every file of the matrix leaves its tally. */
    matrixTallies: string
  }
}

let folder: string | undefined

export async function setup(project: TestProject): Promise<void> {
  folder = await mkdtemp(join(tmpdir(), 'vfm-tallies-'))
  project.provide('matrixTallies', folder)
}

export async function teardown(): Promise<void> {
  if (folder === undefined) return
  const ran = (await readdir(folder)).filter((name) => name.endsWith('.json'))
  const tallies = await Promise.all(
    ran.map(async (name) => JSON.parse(await readFile(join(folder as string, name), 'utf8')) as Tally),
  )
  await rm(folder, { recursive: true, force: true })
  if (ran.length === 0) return
  const sum = sumOf(tallies)
  console.log(`\n${printed(sum)}\n`)
  const here = await readdir(fileURLToPath(new URL('.', import.meta.url)))
  const all = here.filter((name) => name.endsWith('.test.ts')).every((name) => ran.includes(`${name}.json`))
  if (all && process.env.VFM_MATRIX === undefined && sum.counted < ENOUGH)
    throw new Error(`the failure matrix has to be of ${ENOUGH} cases at least, and was of ${sum.counted}`)
}
