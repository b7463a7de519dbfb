// SPDX-License-Identifier: MIT
// Moves the state of one device into another: node examples/migrate.mjs SOURCE DESTINATION
// Devices are PCI addresses, mdev UUIDs or, as here, simulated ones.
import { migrate, openDevice } from 'vfio-migration'

const [from = 'sim:v2,state=64MiB,seed=7', to = 'sim:v2,state=64MiB'] = process.argv.slice(2)
const source = await openDevice(from)
const target = await openDevice(to)
try {
  const report = await migrate(source, target, { preCopy: true, signal: AbortSignal.timeout(60_000) })
  console.log(
    `${report.bytes} bytes by protocol ${report.protocol}, downtime ${report.downtimeMs.toFixed(1)} ms`,
  )
  console.log(`${from} is in ${report.source.state}, ${to} is in ${report.destination.state}`)
} finally {
  // On Node 24, or compiled by TypeScript: `await using source = await openDevice(from)`.
  await Promise.all([source.close(), target.close()])
}
