// SPDX-License-Identifier: MIT
import { expect, it } from 'vitest'
import { bed, open, transfer } from './two-engines.js'

const SLOW = 'sim:v2,state=1MiB,delay=set-state:stop-copy:100ms'

/** Milliseconds of downtime of so many devices that take 100 ms each to stop. */
async function downtimeOf(count: number): Promise<number> {
  await using two = await bed()
  await using sources = await open(...Array.from({ length: count }, (_, seed) => `${SLOW},seed=${seed + 1}`))
  await using destinations = await open(...Array.from({ length: count }, () => 'sim:v2,state=1MiB'))
  const { sent } = await transfer(two, sources, destinations, { send: { preCopy: true } })
  if (sent.status === 'rejected') throw sent.reason
  return sent.value.downtimeMs
}

it('the downtime of 8 devices is close to that of the slowest, not to the sum', async () => {
  await downtimeOf(1)
  const one = await downtimeOf(1)
  const eight = await downtimeOf(8)
  console.log(
    `downtime with 100 ms to stop each: 1 device ${one.toFixed(1)} ms, 8 devices ${eight.toFixed(1)} ms, ratio ${(eight / one).toFixed(2)}`,
  )
  expect(eight / one).toBeLessThanOrEqual(1.3)
})
