// Several Workers use the addon at once; each is terminated in the middle of what its turn says.
import { Worker } from 'node:worker_threads'

const script = `
const { parentPort, workerData } = require('node:worker_threads')
;(async () => {
  const { openDevice } = await import(workerData.library)
  const device = await openDevice('sim:v2,state=16MiB,seed=1,short-read=64KiB,delay=read:5ms,delay=write:5ms,delay=set-state:stop-copy:300ms')
  const migration = await device.migration()
  if (workerData.what === 'state-change') {
    setTimeout(() => parentPort.postMessage('busy'), 50)
    await migration.transition('stop-copy')
  }
  if (workerData.what === 'load') {
    const load = await migration.load()
    parentPort.postMessage('busy')
    for (;;) await load.write(new Uint8Array(1 << 20)).catch(() => {})
  }
  const saving = await migration.save({ preCopy: true })
  parentPort.postMessage('busy')
  if (workerData.what === 'iterate') for await (const chunk of saving) globalThis.last = chunk
  else await saving.pipeTo(require('node:fs').openSync('/dev/null', 'w'))
})()
`
const library = new URL('../../../dist/index.js', import.meta.url).href
const started = []
for (const what of ['state-change', 'load', 'iterate', 'pump', 'state-change', 'pump']) {
  started.push(
    new Promise((resolve, reject) => {
      const worker = new Worker(script, { eval: true, workerData: { library, what } })
      worker.on('error', reject)
      worker.on('message', async () => {
        await new Promise((go) => setTimeout(go, 30))
        resolve(worker.terminate())
      })
    }),
  )
}
console.log((await Promise.all(started)).length)
