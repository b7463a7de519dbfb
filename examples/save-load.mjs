// SPDX-License-Identifier: MIT
// Saves a device to a file, checks the file, and loads it into another device: node examples/save-load.mjs FILE [SOURCE] [DESTINATION]
import { loadFromFile, openDevice, saveToFile, verifyFile } from 'vfio-migration'

const [file, from = 'sim:v1,state=64MiB,seed=7', to = 'sim:v1,state=64MiB'] = process.argv.slice(2)
if (file === undefined) throw new Error('usage: node examples/save-load.mjs FILE [SOURCE] [DESTINATION]')

const source = await openDevice(from)
const saved = await saveToFile(source, file, { preCopy: true, strong: true }).finally(() => source.close())
console.log(`saved ${saved.bytes} bytes, the source is in ${saved.state}`)

const { protocol, sections } = await verifyFile(file)
console.log(`intact: protocol ${protocol}, ${sections[0]?.frames} data frames`)

// The loaded state lives only while the device is open: a real program would keep it, or hand its descriptor on.
const target = await openDevice(to)
const loaded = await loadFromFile(target, file).finally(() => target.close())
console.log(`loaded ${loaded.bytes} bytes, the destination is in ${loaded.state}`)
