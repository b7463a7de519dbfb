// SPDX-License-Identifier: MIT
// Checks the runner itself: node test/vm/self-check.mjs [--kernel own|stock]. Boots the machine some ten times.
import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { kernelComplaint } from './kernel-log.mjs'
import { untilToken } from './port.mjs'

const here = (name) => fileURLToPath(new URL(name, import.meta.url))
const runner = here('run.mjs')
const kernelOptions = process.argv.slice(2)
const stock = kernelOptions.includes('stock')

// Runs the runner: { code, stdout, stderr }.
async function vm(options, ...command) {
  const args = [runner, ...kernelOptions, '--timeout', '120', ...options, '--', ...command]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  const text = { stdout: [], stderr: [] }
  for (const stream of ['stdout', 'stderr']) child[stream].on('data', (data) => text[stream].push(data))
  const code = await new Promise((done) => child.once('close', done))
  const [stdout, stderr] = [text.stdout, text.stderr].map((parts) => Buffer.concat(parts).toString())
  return { code, stdout, stderr }
}

const checks = {
  async 'a command sees an mtty device, the checkout and node'() {
    const program = `
      const fs = require('node:fs')
      const nodes = fs.readdirSync('/dev/vfio')
      const uuids = process.env.VFIO_TEST_MTTY.split(',')
      const groups = uuids.map((uuid) => fs.readlinkSync('/sys/bus/mdev/devices/' + uuid + '/iommu_group').split('/').pop())
      console.log(JSON.stringify({ nodes, groups, cwd: process.cwd(), here: fs.existsSync(${JSON.stringify(runner)}) }))`
    const { code, stdout } = await vm([], 'node', '-e', program)
    const { nodes, groups, cwd, here } = JSON.parse(stdout)
    expect(code === 0 && groups.length === 2 && groups.every((group) => nodes.includes(group)), {
      nodes,
      groups,
    })
    expect(stock || nodes.includes('devices'), nodes)
    expect(cwd === process.cwd() && here, cwd)
  },
  async 'exit codes and both streams come back whole'() {
    const { code, stdout, stderr } = await vm([], 'sh', '-c', 'seq 1 200000; echo oops >&2; exit 3')
    expect(code === 3, code)
    expect(stdout === Array.from({ length: 200_000 }, (_, n) => `${n + 1}\n`).join(''), stdout.length)
    expect(stderr.includes('oops\n'), stderr)
  },
  async 'nothing the guest writes reaches the host, except where asked for'() {
    const directory = mkdtempSync(join(tmpdir(), 'vfio-vm-check-'))
    try {
      const script = 'echo hello >"$0/result" && echo x >"$1" && cat "$1"'
      const { code } = await vm(
        ['--writable', directory],
        'sh',
        '-c',
        script,
        directory,
        here('written-by-the-guest'),
      )
      expect(code === 0, code)
      expect(readFileSync(join(directory, 'result'), 'utf8') === 'hello\n', 'no result')
      expect(!existsSync(here('written-by-the-guest')), 'the guest wrote to the checkout')
    } finally {
      rmSync(directory, { recursive: true })
    }
  },
  async 'a process left behind does not hold the run'() {
    const { code, stdout } = await vm([], 'sh', '-c', 'sleep 1000 & echo done; exit 0')
    expect(code === 0 && stdout === 'done\n', { code, stdout })
  },
  async 'a hung guest is killed, and says before what it was waiting for'() {
    const { code, stderr } = await vm(['--timeout', '60'], 'sleep', '1000')
    expect(code === 124 && /killed after 60 s; its last sign of life was \d s before/.test(stderr), {
      code,
      stderr,
    })
    expect(/process \d+: sleep 1000 *\n +\d+ sleep, S \(sleeping\): .*nanosleep/.test(stderr), stderr)
  },
  async 'a kernel warning fails a run that went well otherwise'() {
    const { code, stderr } = await vm([], 'sh', '-c', 'echo "<4>WARNING: self-check" >/dev/kmsg')
    expect(code === 122 && stderr.includes('WARNING: self-check'), { code, stderr })
  },
  async 'a panic is reported'() {
    const { code, stderr } = await vm([], 'sh', '-c', 'echo c >/proc/sysrq-trigger')
    expect(code === 122 && stderr.includes('sysrq triggered crash'), { code, stderr })
  },
  async 'a command that does not exist fails the run'() {
    const { code } = await vm([], 'no-such-command')
    expect(code === 127, code)
  },
  'complaints are told from ordinary lines'() {
    const line = (text) => kernelComplaint(`[    1.0] ${text}\n`)
    for (const text of [
      'BUG: kernel NULL pointer',
      'WARNING: CPU: 0 PID: 1 at x.c:1',
      'Oops: general',
      'Kernel panic - not',
    ]) {
      expect(line(text), text)
    }
    expect(line('INFO: task node:12 blocked for more than 120 seconds.'), 'hung task')
    for (const text of ['mtty: loading out-of-tree module taints kernel.', 'DEBUG: x', 'sysrq: Power Off']) {
      expect(!line(text), text)
    }
  },
  'the end of a stream is found however it is cut'() {
    const end = Buffer.from('\0end')
    const whole = Buffer.from('some \0en text\0\0end')
    for (let size = 1; size <= whole.length; size++) {
      const got = []
      const sink = untilToken(end, (data) => got.push(data))
      for (let at = 0; at < whole.length; at += size) sink(whole.subarray(at, at + size))
      expect(sink.done && Buffer.concat(got).toString() === 'some \0en text\0', size)
    }
  },
}

function expect(condition, seen) {
  if (!condition) throw new Error(`seen: ${typeof seen === 'string' ? seen : JSON.stringify(seen)}`)
}

let failures = 0
for (const [name, check] of Object.entries(checks)) {
  const started = Date.now()
  try {
    await check()
    console.log(`ok      ${name} (${((Date.now() - started) / 1000).toFixed(1)} s)`)
  } catch (error) {
    failures++
    console.log(`NOT OK  ${name}\n${error.stack}`)
  }
}
process.exitCode = failures > 0 ? 1 : 0
