// SPDX-License-Identifier: MIT
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { carryOut, checkEnding, endingText, plannedEnding } from '../../../lib/cli/ending.js'
import { Interrupted } from '../../../lib/cli/interruption.js'
import type { Device } from '../../../lib/index.js'

describe('a device that is handed on', () => {
  let folder: string
  let fd: number
  let device: Device
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vfio-ending-'))
    writeFileSync(join(folder, 'device'), 'the device')
    fd = openSync(join(folder, 'device'), 'r')
    // All that handing on asks of a device.
    device = { spec: '0000:17:00.2', descriptor: fd, companions: [] as readonly unknown[] } as Device
  })
  afterEach(() => {
    closeSync(fd)
    rmSync(folder, { recursive: true })
  })

  it('arrives as descriptor 3, announced to the very process that gets it', async () => {
    const out = join(folder, 'out')
    const script = 'echo "$$ $LISTEN_PID $LISTEN_FDS $LISTEN_FDNAMES $(cat <&3)" > "$1"; exit 5'
    const program = { file: 'sh', arguments: ['-c', script, 'sh', out] }
    expect(await carryOut('handed-on', device, program, new AbortController().signal)).toBe(5)
    const [pid, listenPid, ...rest] = readFileSync(out, 'utf8').trim().split(' ')
    expect(listenPid).toBe(pid)
    expect(rest.join(' ')).toBe('1 vfio-device the device')
  })

  it('goes to a program whose arguments reach it unchanged', async () => {
    const out = join(folder, 'out')
    const hostile = `'; touch ${folder}/hacked; "$(touch ${folder}/hacked)`
    const program = { file: 'sh', arguments: ['-c', 'printf %s "$2" > "$1"', 'sh', out, hostile] }
    expect(await carryOut('handed-on', device, program, new AbortController().signal)).toBe(0)
    expect(readFileSync(out, 'utf8')).toBe(hostile)
  })

  it('goes to a program that gets our signals', async () => {
    const controller = new AbortController()
    const program = { file: 'sleep', arguments: ['30'] }
    const ended = carryOut('handed-on', device, program, controller.signal)
    setTimeout(() => controller.abort(new Interrupted('SIGTERM')), 200)
    expect(await ended).toBe(143)
  })

  it('to a program that does not exist is the shell’s 127', async () => {
    const program = { file: join(folder, 'missing'), arguments: [] }
    expect(await carryOut('handed-on', device, program, new AbortController().signal)).toBe(127)
  })
})

describe('the end of a loaded device', () => {
  it('is planned before anything is touched', () => {
    expect(plannedEnding({}, [])).toBe('closed')
    expect(plannedEnding({ hold: true }, [])).toBe('held')
    expect(plannedEnding({ exec: 'vmm' }, ['--fd', '3'])).toBe('handed-on')
    expect(() => plannedEnding({ hold: true }, ['stray'])).toThrow(
      expect.objectContaining({ code: 'ERR_USAGE' }),
    )
  })

  it('cannot be another process for a device without a descriptor', () => {
    const device = { spec: 'sim:v2', descriptor: undefined } as Device
    expect(() => checkEnding('handed-on', device)).toThrow(
      expect.objectContaining({ code: 'ERR_VFIO_UNSUPPORTED' }),
    )
    expect(() => checkEnding('held', device)).not.toThrow()
    expect(endingText('closed', device)).toContain('gone')
  })
})
