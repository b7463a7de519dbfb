// Starts a save that takes long (every read is delayed), then ends the process the way its argument says.
import { openSync } from 'node:fs'
import { openDevice } from '../../../dist/index.js'

const device = await openDevice('sim:v2,state=64MiB,seed=1,short-read=64KiB,delay=read:20ms')
const migration = await device.migration()
const saving = await migration.save()
const pumped = saving.pipeTo(openSync('/dev/null', 'w'))
pumped.catch(() => {})
while (saving.moved.bytes === 0) await new Promise((resolve) => setTimeout(resolve, 10))

switch (process.argv[2]) {
  case 'exit':
    process.exit(7)
    break
  case 'throw':
    throw new Error('on purpose')
  case 'sigterm':
    process.kill(process.pid, 'SIGTERM')
    break
  case 'close':
    await device.close()
    break
  default:
    throw new Error(`${process.argv[2]}?`)
}
