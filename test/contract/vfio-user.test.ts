// SPDX-License-Identifier: MIT
// The contract over vfio-user: client and server of this project, in one process and in two.
import { afterAll } from 'vitest'
import type { ServeOptions } from '../../lib/index.js'
import { allEnded, servedElsewhere, servedHere } from '../support/served-device.js'
import { type Backend, deviceContract } from './suite/index.js'

function backend(name: string, spec: string, more: Partial<Backend> & Pick<Backend, 'open'>): Backend {
  return {
    name,
    protocol: spec.startsWith('sim:v1') ? 'v1' : 'v2',
    isTestDevice: true,
    preCopy: true,
    p2p: !spec.startsWith('sim:v1'),
    // The protocol has no word for what a pre-copy has left.
    estimates: false,
    // The server keeps one for every device, over what the client has mapped.
    dmaLog: true,
    ...more,
  }
}

function here(spec: string, serving: ServeOptions = {}, more: Partial<Backend> = {}): Backend {
  const limits = Object.entries(serving).map(([key, value]) => `, ${key} ${value}`)
  return backend(`vfio-user in one process: ${spec}${limits.join('')}`, spec, {
    open: () => servedHere(spec, serving),
    ...more,
  })
}

const small = 'state=2MiB'

deviceContract(here(`sim:v2,${small}`))
// As libvfio-user: it refuses regions in stop-copy before the device is asked.
const strict = { stoppedAccess: 'EINVAL' }
deviceContract(here(`sim:v2,${small}`, { strict: true, twinSocket: false, maxTransfer: 8192 }, strict))
deviceContract(here(`sim:v2,${small},precopy=off,p2p=off`, {}, { preCopy: false, p2p: false }))
for (const data of ['trapped', 'mapped', 'straddling']) {
  deviceContract(here(`sim:v1,${small},chunk=256KiB,data=${data}`))
}
deviceContract(here(`sim:v1,${small},chunk=256KiB,arcs=lvu`, { strict: true }, strict))
deviceContract(
  backend('vfio-user in two processes: sim:v2', 'sim:v2', {
    open: async () => (await servedElsewhere(`sim:v2,${small}`)).device,
  }),
)

afterAll(allEnded)
