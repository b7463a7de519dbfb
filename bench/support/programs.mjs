// SPDX-License-Identifier: MIT
// The contenders in C: where they are, and how they are built.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const root = fileURLToPath(new URL('../..', import.meta.url))
const directory = `${root}build-bench`

export const programs = {
  reference: `${directory}/vfm-reference`,
  receiver: `${directory}/vfm-receiver`,
  micro: `${directory}/vfm-micro`,
}

/** Builds them. @throws {Error} with the output of what failed */
export function buildPrograms() {
  const run = (...words) => {
    const { status, stdout, stderr, error } = spawnSync('cmake', words, { cwd: root, encoding: 'utf8' })
    if (status !== 0) throw new Error(`cmake ${words.join(' ')}: ${error?.message ?? `${stdout}${stderr}`}`)
  }
  const options = ['-DCMAKE_BUILD_TYPE=Release', '-DVFM_BUILD_TESTS=OFF', '-DVFM_BUILD_BENCH=ON']
  run('-S', '.', '-B', directory, ...options)
  run('--build', directory, '--parallel')
  for (const program of Object.values(programs)) {
    if (!existsSync(program)) throw new Error(`${program} was not built`)
  }
}
