// SPDX-License-Identifier: MIT
// How a process ends while native work is in progress: only real child processes show it.
import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'

interface Ended {
  readonly code: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
  readonly ms: number
}

// Longer than anything here takes on a busy machine, shorter than the hangs it looks for.
const DEADLINE_MS = 30_000

function run(program: string, ...args: string[]): Promise<Ended> {
  const path = fileURLToPath(new URL(`programs/${program}.mjs`, import.meta.url))
  const begun = performance.now()
  const child = spawn(process.execPath, ['--expose-gc', path, ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE_MS)
  let stdout = ''
  let stderr = ''
  child.stdout.on('data', (data) => {
    stdout += data
  })
  child.stderr.on('data', (data) => {
    stderr += data
  })
  return new Promise((resolve, reject) => {
    child.on('error', reject)
    child.on('close', (code, signal) => {
      clearTimeout(deadline)
      resolve({ code, signal, stdout, stderr, ms: performance.now() - begun })
    })
  })
}

test('a process that leaves everything open ends by itself', async () => {
  expect(await run('idle')).toMatchObject({ code: 0, signal: null, stderr: '' })
})

test('process.exit() in the middle of a pump ends at once', async () => {
  expect(await run('saving', 'exit')).toMatchObject({ code: 7, signal: null, stderr: '' })
})

test('an uncaught error in the middle of a pump is an exit, not a crash', async () => {
  const ended = await run('saving', 'throw')
  expect(ended).toMatchObject({ code: 1, signal: null })
  expect(ended.stderr).toContain('on purpose')
})

test('SIGTERM in the middle of a pump kills as it does any process', async () => {
  expect(await run('saving', 'sigterm')).toMatchObject({ code: null, signal: 'SIGTERM' })
})

test('closing the device ends a pump in progress, and then the process', async () => {
  expect(await run('saving', 'close')).toMatchObject({ code: 0, signal: null, stderr: '' })
})

test('Workers terminated in the middle of everything leave the process alive', async () => {
  expect(await run('workers')).toMatchObject({ code: 0, signal: null, stdout: '6\n', stderr: '' })
})

test('forgotten handles give their descriptors and threads back when collected', async () => {
  const ended = await run('dropped')
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  const { before, after } = JSON.parse(ended.stdout)
  expect(after.descriptors).toBeLessThanOrEqual(before.descriptors + 4)
  expect(after.threads).toBeLessThanOrEqual(before.threads + 4)
})

test('a hundred migrations leave no descriptor, thread or mapping behind', { timeout: 60_000 }, async () => {
  const ended = await run('rounds', '50')
  expect(ended).toMatchObject({ code: 0, signal: null, stderr: '' })
  const { before, after } = JSON.parse(ended.stdout)
  expect(after).toEqual(before)
})
