// SPDX-License-Identifier: MIT
import { openDevice } from '../../lib/index.js'
import { type Backend, deviceContract } from './suite/index.js'

function simulated(spec: string, more: Partial<Backend> = {}): Backend {
  return {
    name: spec,
    protocol: spec.startsWith('sim:v1') ? 'v1' : 'v2',
    open: () => openDevice(spec),
    isTestDevice: true,
    preCopy: true,
    p2p: !spec.startsWith('sim:v1'),
    ...more,
  }
}

// The least that takes several chunks.
const small = 'state=2MiB'

for (const data of ['trapped', 'mapped', 'sparse', 'straddling']) {
  deviceContract(simulated(`sim:v1,${small},chunk=256KiB,data=${data}`))
}
for (const arcs of ['i915', 'lvu']) {
  deviceContract(simulated(`sim:v1,${small},chunk=256KiB,arcs=${arcs},reserved-bits=0xabcdef08`))
}
deviceContract(simulated(`sim:v2,${small}`))
deviceContract(simulated(`sim:v2,${small},drained=zero,p2p=off`, { p2p: false }))
deviceContract(simulated(`sim:v2,${small},precopy=off`, { preCopy: false }))
deviceContract(simulated(`sim:v2,${small},precopy=off,p2p=off`, { preCopy: false, p2p: false }))
deviceContract(simulated(`sim:v2,${small},rounds=by-info,short-read=5000,short-write=7000`))

// Devices like the drivers' own; what makes each of them different has tests of its own (test/unit/simulated/personalities.test.ts).
const like = 'state=2MiB,seed=7'
deviceContract(simulated(`sim:v2,as=mlx5,${like}`, { refusesPart: false }))
deviceContract(simulated(`sim:v2,as=hisi_acc,${like}`, { p2p: false }))
deviceContract(simulated(`sim:v2,as=pds,${like}`, { preCopy: false }))
deviceContract(simulated(`sim:v2,as=qat,${like}`))
deviceContract(simulated(`sim:v2,as=virtio,${like}`, { refusesPart: false }))
deviceContract(simulated(`sim:v2,as=xe,${like}`, { preCopy: false }))
deviceContract(simulated(`sim:v1,as=i915,${like},chunk=256KiB`))
deviceContract(simulated(`sim:v1,as=libvfio-user,${like},chunk=256KiB`))
