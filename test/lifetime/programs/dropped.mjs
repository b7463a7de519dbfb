// Forgets handles without closing them; the garbage collector must give back descriptors and threads.
import { readdirSync } from 'node:fs'
import { openDevice } from '../../../dist/index.js'

const count = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  threads: readdirSync('/proc/self/task').length,
})

async function forget() {
  const device = await openDevice('sim:v2,state=64KiB,seed=1')
  await device.setMigrationState(3).then((session) => session.source(65536).next())
}

const before = count()
for (let n = 0; n < 20; n++) await forget()
let after = count()
for (
  let turn = 0;
  turn < 100 && (after.threads > before.threads + 4 || after.descriptors > before.descriptors + 4);
  turn++
) {
  globalThis.gc()
  await new Promise((resolve) => setTimeout(resolve, 20))
  after = count()
}
console.log(JSON.stringify({ before, after }))
