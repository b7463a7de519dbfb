// SPDX-License-Identifier: MIT
// The memory of a process that saves must not grow with what it saves. Measured from outside, by the kernel's own count.
import { type ChildProcess, execFile, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from 'vitest'

const MIB = 1024 * 1024
const program = fileURLToPath(new URL('programs/pump.mjs', import.meta.url))

interface Measured {
  /** The most physical memory the process ever held, in bytes (VmHWM). */
  readonly peak: number
  readonly moved: { bytes: number; chunks: number }
  readonly ms: number
  readonly p99LatenessMs: number
}

async function save(spec: string): Promise<Measured> {
  const child = spawn(process.execPath, [program, spec], { stdio: ['pipe', 'pipe', 'inherit'] })
  const report = JSON.parse(await firstLine(child))
  const status = readFileSync(`/proc/${child.pid}/status`, 'utf8')
  child.stdin.end()
  const peak = Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024
  return { ...report, peak }
}

function firstLine(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let text = ''
    child.stdout?.on('data', (data) => {
      text += data
      if (text.includes('\n')) resolve(text)
    })
    child.on('close', (code) => reject(new Error(`ended with ${code}: ${text}`)))
    child.on('error', reject)
  })
}

test.each(['v1,chunk=1MiB', 'v2'])(
  'saving 4 GiB of %s takes no more memory than 64 MiB',
  { timeout: 180_000 },
  async (kind) => {
    const small = await save(`sim:${kind},state=64MiB,seed=1`)
    // Zeros: a simulated device of 4 GiB filled with a seed's contents would need 4 GiB of this machine's memory.
    const large = await save(`sim:${kind},state=4GiB`)
    expect(large.moved.bytes).toBeGreaterThanOrEqual(4096 * MIB)
    const growth = (large.peak - small.peak) / MIB
    const rate = large.moved.bytes / MIB / (large.ms / 1000)
    console.log(
      `${kind}: peak ${(small.peak / MIB).toFixed(1)} MiB for 64 MiB, ${(large.peak / MIB).toFixed(1)} MiB for 4 GiB; ` +
        `${rate.toFixed(0)} MiB/s; p99 lateness of a 10 ms timer meanwhile ${large.p99LatenessMs.toFixed(2)} ms`,
    )
    expect(growth).toBeLessThan(64)
    expect(large.p99LatenessMs).toBeLessThan(250)
  },
)

test('sending and receiving 1 GiB of DMA memory takes no more memory than 64 MiB', {
  timeout: 120_000,
}, async () => {
  const sender = fileURLToPath(new URL('programs/send-memory.mjs', import.meta.url))
  const move = async (size: number) => {
    const { stdout } = await promisify(execFile)(process.execPath, [sender, `${size}`])
    const moved: { equal: boolean; peak: number; bytes: number; ms: number } = JSON.parse(stdout)
    expect(moved.equal).toBe(true)
    return moved
  }
  const small = await move(64 * MIB)
  const large = await move(256 * MIB)
  expect(large.bytes).toBeGreaterThanOrEqual(1024 * MIB)
  console.log(
    `memory: peak ${(small.peak / MIB).toFixed(1)} MiB beside 64 MiB, ${(large.peak / MIB).toFixed(1)} MiB beside 256 MiB; ` +
      `${(large.bytes / MIB / (large.ms / 1000)).toFixed(0)} MiB/s`,
  )
  expect((large.peak - small.peak) / MIB).toBeLessThan(64)
})
