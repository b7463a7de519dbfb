// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { qemu, withLimits } from '../../../lib/index.js'
import { bed, open, transfer } from './two-engines.js'

// Dirties its state as fast as the limit below lets it be sent.
const RESTLESS = 'sim:v2,state=4MiB,dirty-rate=64MiB'
const send = { preCopy: true, bandwidthLimit: 48 * 2 ** 20, switchoverInterval: 50, preCopyTimeout: 60_000 }

it('a pre-copy that cannot converge is given up by its policy, with the reason', async () => {
  await using two = await bed()
  await using sources = await open(`${RESTLESS},seed=1`)
  await using destinations = await open(RESTLESS)
  const policy = withLimits(qemu({ downtimeLimit: 1 }), { totalTimeout: 600, onLimit: 'abort' })
  const { sent, received } = await transfer(two, sources, destinations, { send: { ...send, policy } })
  expect(sent).toMatchObject({
    status: 'rejected',
    reason: {
      code: 'ERR_VFIO_NO_CONVERGENCE',
      outcome: 'aborted',
      message: expect.stringContaining('pre-copy has taken'),
      devices: [{ state: 'running' }],
    },
  })
  expect(received).toMatchObject({
    status: 'rejected',
    reason: {
      peer: { code: 'ERR_VFIO_NO_CONVERGENCE', message: expect.stringContaining('pre-copy has taken') },
    },
  })
})

it('or is switched all the same where its policy says so, with the reason in the report', async () => {
  await using two = await bed()
  await using sources = await open(`${RESTLESS},seed=1`)
  await using destinations = await open(RESTLESS)
  const policy = withLimits(qemu({ downtimeLimit: 1 }), {
    totalTimeout: 600,
    onLimit: 'switch',
    requireAck: false,
  })
  const { sent } = await transfer(two, sources, destinations, { send: { ...send, policy } })
  if (sent.status === 'rejected') throw sent.reason
  const [device] = sent.value.devices
  expect(device?.switchover?.reason).toContain('pre-copy has taken')
  console.log(
    `cannot converge: ${device?.switchover?.reason}; downtime ${sent.value.downtimeMs.toFixed(1)} ms`,
  )
})
