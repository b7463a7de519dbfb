#!/usr/bin/env node
// SPDX-License-Identifier: MIT
// Runs a command in the test machine: see README.md, and options.mjs for the command line.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { guestFiles } from './guest.mjs'
import { cpio } from './initramfs.mjs'
import { ownKernel } from './kernel.mjs'
import { kernelComplaint } from './kernel-log.mjs'
import { qemuArguments } from './machine.mjs'
import { buildModule, isModule, ownModuleDirectory } from './modules.mjs'
import { parseOptions, usage } from './options.mjs'
import { listen, untilToken } from './port.mjs'
import { runQemu } from './qemu.mjs'
import { stockKernel } from './stock-kernel.mjs'

const exitCodes = { kernelComplained: 122, timedOut: 124, machineFailed: 125 }
const checkout = realpathSync(fileURLToPath(new URL('../..', import.meta.url)))
const say = (text) => process.stderr.write(`vm: ${text}\n`)

async function main() {
  const options = parseOptions(process.argv.slice(2))
  if (options.help) {
    console.log(usage)
    return 0
  }
  const kernel = await (options.kernel === 'stock' ? stockKernel : ownKernel)(say)
  const modules = [...kernel.modules]
  if (isModule(ownModuleDirectory)) modules.push(...(await buildModule(ownModuleDirectory, kernel, say)))
  const directory = mkdtempSync(join(realpathSync(tmpdir()), 'vfio-vm-'))
  try {
    return await runMachine(options, kernel, modules, directory)
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function runMachine(options, kernel, modules, directory) {
  const token = randomBytes(16).toString('hex')
  const end = Buffer.from(`\0${token}`)
  const initramfs = join(directory, 'initramfs')
  writeFileSync(initramfs, cpio(guestFiles({ options, kernel, modules, token, checkout })))

  let code
  let heard
  let dmesg = ''
  const sinks = {
    stdout: untilToken(end, (data) => process.stdout.write(data)),
    stderr: untilToken(end, (data) => process.stderr.write(data)),
    dmesg: untilToken(end, (data) => {
      dmesg += data.toString('latin1')
    }),
    control: lines((line) => {
      const [, word, text] = /^(\w+) (.*)$/.exec(line) ?? []
      if (word === 'say') say(text)
      else if (word === 'exit') code = Number(text)
      if (word !== undefined) heard = performance.now()
    }),
  }
  const sockets = {}
  const servers = []
  for (const [name, sink] of Object.entries(sinks)) {
    sockets[name] = join(directory, name)
    servers.push(await listen(sockets[name], sink))
  }

  const machine = await runQemu(
    qemuArguments({
      image: kernel.image,
      initramfs,
      append: kernelCommandLine(options),
      memory: options.memory,
      processors: options.processors,
      accelerator: process.env.VFIO_TEST_ACCEL || 'tcg',
      sockets,
      writable: options.writable,
      shell: options.shell,
      debug: options.gdb,
    }),
    options,
  )
  for (const server of servers) server.close()
  if (options.console) writeFileSync(options.console, machine.console)
  const silence = heard === undefined ? undefined : Math.round((performance.now() - heard) / 1000)
  return verdict({ machine, code, silence, dmesg, sinks, options })
}

// loglevel 5 lets warnings through to the console, which must be seen even if the guest does not live to send its log. no_timer_check:
// an emulated timer on a busy host comes too late for the kernel's check, which panics.
function kernelCommandLine(options) {
  const words = [
    'console=ttyS0',
    'loglevel=5',
    'panic=-1',
    'oops=panic',
    'mitigations=off',
    'nokaslr',
    'no_timer_check',
    'log_buf_len=4M',
    'printk.time=1',
  ]
  if (options.append) words.push(options.append)
  return words.join(' ')
}

function verdict({ machine, code, silence, dmesg, sinks, options }) {
  const log = dmesg || machine.console
  const complaint = kernelComplaint(machine.console) ?? kernelComplaint(dmesg)
  if (complaint) say(`THE KERNEL COMPLAINED:\n${complaint}\nvm: (end of the excerpt)`)
  const lastLines = () => log.replaceAll('\r', '').trimEnd().split('\n').slice(-30).join('\n')
  if (machine.interrupted) {
    say(`${machine.interrupted}: machine killed`)
    return exitCodes.machineFailed
  }
  if (machine.timedOut) {
    const sign = silence === undefined ? 'it never spoke' : `its last sign of life was ${silence} s before`
    say(`killed after ${options.timeout} s; ${sign}; the console's end:\n${lastLines()}`)
    return exitCodes.timedOut
  }
  if (code === undefined) {
    say(
      `the machine ended (${machine.signal ?? machine.status}) without an exit code; the console's end:\n${lastLines()}`,
    )
    return complaint ? exitCodes.kernelComplained : exitCodes.machineFailed
  }
  if (!options.shell && !(sinks.stdout.done && sinks.stderr.done && sinks.dmesg.done)) {
    say('the end of the output did not arrive')
    return exitCodes.machineFailed
  }
  if (code === exitCodes.machineFailed) say(`the console's end:\n${lastLines()}`)
  if (complaint && code === 0) return exitCodes.kernelComplained
  return code
}

// A sink that hands on whole lines.
function lines(onLine) {
  let rest = ''
  return (chunk) => {
    const all = (rest + chunk.toString()).split('\n')
    rest = all.pop()
    for (const line of all) onLine(line)
  }
}

try {
  process.exitCode = await main()
} catch (error) {
  say(error.message)
  process.exitCode = exitCodes.machineFailed
}
