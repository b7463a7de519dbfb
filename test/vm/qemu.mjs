// SPDX-License-Identifier: MIT
// The QEMU process: started, watched, and sure to end.
import { spawn } from 'node:child_process'

/**
 * Runs QEMU to its end: { status, signal, timedOut, interrupted, console }, the last being all it printed. It is killed after
 * options.timeout seconds and when this process is told to end, and does not outlive this process by much, however that ends.
 */
export async function runQemu(args, options) {
  const limit = `${Math.ceil(options.timeout) + 30}`
  // timeout(1) only matters if this process is killed outright; it leads the process group that is killed otherwise.
  const child = spawn('timeout', ['--foreground', '--signal=KILL', limit, 'qemu-system-x86_64', ...args], {
    stdio: options.shell ? 'inherit' : ['ignore', 'pipe', 'pipe'],
    detached: !options.shell,
  })
  const kill = () => {
    try {
      // With a shell it is in our process group, for the terminal's sake: then timeout(1) passes the signal on.
      if (options.shell) child.kill('SIGTERM')
      else process.kill(-child.pid, 'SIGKILL')
    } catch {} // gone already
  }
  const text = []
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on('data', (data) => {
      text.push(data)
      if (options.verbose) process.stderr.write(data)
    })
  }
  let timedOut = false
  let interrupted
  const timer = setTimeout(() => {
    timedOut = true
    kill()
  }, options.timeout * 1000)
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.once(signal, () => {
      interrupted = signal
      kill()
    })
  }
  try {
    const [status, signal] = await new Promise((done, fail) => {
      child.once('error', fail)
      child.once('close', (...how) => done(how))
    })
    return { status, signal, timedOut, interrupted, console: Buffer.concat(text).toString('latin1') }
  } finally {
    clearTimeout(timer)
  }
}
