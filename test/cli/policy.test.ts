// SPDX-License-Identifier: MIT
// When pre-copy ends, by the command's options.
import { describe, expect, it } from 'vitest'
import { jsonOf, run } from '../support/command.js'

const plain = 'sim:v2,state=4MiB'
// It says that 16 GiB are left, whatever is read.
const endless = `${plain},rounds=by-info,lie=dirty-bytes:0x400000000`

function migrate(source: string, ...options: string[]) {
  return run(['migrate', source, plain, '--json', ...options])
}

describe('pre-copy', () => {
  it('ends at its first drained point unless somebody says otherwise', async () => {
    expect(jsonOf(await migrate(plain))).toMatchObject({ ok: true, switchover: { rounds: 1 } })
    expect(jsonOf(await migrate(plain, '--no-pre-copy'))).not.toHaveProperty('switchover')
  })

  // How many rounds a measured bandwidth takes is the machine's affair.
  it.each([
    [['--policy', 'rounds:3'], { rounds: 3, reason: '3 rounds are over' }],
    [['--policy', 'initial'], { rounds: 1, reason: 'the initial data is over' }],
    [['--policy', 'qemu', '--downtime-limit', '5s'], { reason: expect.stringMatching(/fit into 5/) }],
    [['--policy', 'ramp:2s'], { reason: expect.stringMatching(/fit into 300 ms/) }],
  ])('ends by %j', async (options, switchover) => {
    const finished = await migrate(plain, ...options)
    expect(finished.code, finished.stderr).toBe(0)
    expect(jsonOf(finished)).toMatchObject({ ok: true, switchover })
  })

  it.each([
    [['--total-timeout', '300ms'], /pre-copy has taken .* and may take 300 ms/],
    [['--no-progress-timeout', '200ms'], /the 16 GiB that are left have not become less for/],
  ])('that cannot converge is given up at %j', async (limit, message) => {
    const finished = await migrate(endless, '--policy', 'qemu', '--on-limit', 'abort', ...limit)
    expect(finished.code).toBe(1)
    expect(jsonOf(finished)).toMatchObject({
      ok: false,
      error: { code: 'ERR_VFIO_NO_CONVERGENCE', message: expect.stringMatching(message) },
      source: { state: 'running' },
      destination: { state: 'running' },
    })
  })

  it('or switches there, and the report says why', async () => {
    const finished = await migrate(endless, '--policy', 'qemu', '--total-timeout', '300ms')
    expect(finished.code, finished.stderr).toBe(0)
    expect(jsonOf(finished)).toMatchObject({
      ok: true,
      switchover: { reason: expect.stringMatching(/pre-copy has taken/) },
    })
  })

  it('a save has the same options', async () => {
    const { stderr } = await run([
      'save',
      plain,
      '-o',
      '-',
      '--policy',
      'rounds:2',
      '--json',
      '--no-progress',
    ])
    expect(JSON.parse(stderr)).toMatchObject({ ok: true, switchover: { rounds: 2 } })
  })
})

it.each(['qemu:3', 'rounds', 'rounds:0', 'ramp:x', 'best'])('--policy %s is wrong usage', async (policy) => {
  const finished = await migrate(plain, '--policy', policy)
  expect(finished.code).toBe(2)
  expect(finished.out).toMatch(/are possible|looks like/)
})
