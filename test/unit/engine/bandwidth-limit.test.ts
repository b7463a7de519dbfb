// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { bed, open, transfer } from './two-engines.js'

it('the devices of a set share one bandwidth limit, which their stop lifts', async () => {
  await using two = await bed()
  // Pages that a device dirties are offered only when it is asked: what is left at the end is half a MiB and more, each.
  const spec = 'sim:v2,state=8MiB,dirty-rate=16MiB,rounds=by-info'
  await using sources = await open(spec, spec)
  await using destinations = await open('sim:v2,state=8MiB', 'sim:v2,state=8MiB')
  const began = performance.now()
  const { sent } = await transfer(two, sources, destinations, {
    send: { preCopy: true, bandwidthLimit: 32 * 2 ** 20 },
  })
  if (sent.status === 'rejected') throw sent.reason
  // 16 MiB in all, less the burst.
  expect(performance.now() - began).toBeGreaterThan(350)
  expect(sent.value.downtimeMs).toBeLessThan(250)
})
