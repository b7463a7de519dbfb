// SPDX-License-Identifier: MIT
// Holds a simulated device and serves it, until it is killed: node holder.mjs SPEC SOCKET
import { openDevice, serve } from '../../dist/index.js'

const [spec, socket] = process.argv.slice(2)
await serve(await openDevice(spec), socket)
process.send('listening')
process.on('disconnect', () => process.exit(0))
