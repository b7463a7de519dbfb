// Leaves everything open and does nothing more: the process must end by itself.
import { openDevice } from '../../../dist/index.js'

const v1 = await openDevice('sim:v1,state=1MiB,seed=1')
const v2 = await openDevice('sim:v2,state=1MiB,seed=1')
const saving = await (await v2.migration()).save()
for await (const chunk of saving) {
  if (chunk.data.byteLength === 0) throw new Error('an empty chunk')
  break
}
await (await v1.migration()).load()
const region = await v1.region(9)
globalThis.kept = [
  v1,
  v2,
  saving,
  (await region.map(region.info.mappable[0].offset, region.info.mappable[0].size)).buffer,
]
