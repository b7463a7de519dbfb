// SPDX-License-Identifier: MIT
// Borrows the one device of the keeper at argv[2], says so, and waits to be killed.
import { DescriptorSocket } from '../../../../dist/index.js'

const socket = await DescriptorSocket.connect(process.argv[2])
const ask = async (request) => {
  await socket.send(Buffer.from(JSON.stringify({ vfio: 1, ...request })))
  return JSON.parse(Buffer.from((await socket.receive({ timeout: 10_000 })).bytes).toString())
}
if ((await ask({ type: 'borrow' })).type !== 'device') throw new Error('not lent')
await ask({ type: 'report', state: `round ${process.pid}`, roles: [] })
process.stdout.write('borrowed\n')
setInterval(() => {}, 1000)
