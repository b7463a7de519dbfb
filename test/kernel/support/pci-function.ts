// SPDX-License-Identifier: MIT
// PCI functions of the machine the tests run on, bound to vfio-pci and given back.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, realpathSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

const DEVICES = '/sys/bus/pci/devices'

function attribute(address: string, name: string): string {
  return readFileSync(`${DEVICES}/${address}/${name}`, 'utf8').trim()
}

/** The addresses of the physical functions with these identities, in order. */
export function functionsLike(vendor: string, device: string): string[] {
  if (!existsSync(DEVICES)) return []
  return readdirSync(DEVICES)
    .filter((address) => attribute(address, 'vendor') === vendor && attribute(address, 'device') === device)
    .filter((address) => !existsSync(`${DEVICES}/${address}/physfn`))
    .sort()
}

export function driverOf(address: string): string | undefined {
  const link = `${DEVICES}/${address}/driver`
  return existsSync(link) ? basename(readlinkSync(link)) : undefined
}

function bind(address: string, driver: string): void {
  if (driverOf(address) === driver) return
  if (driverOf(address) !== undefined) writeFileSync(`${DEVICES}/${address}/driver/unbind`, address)
  writeFileSync(`${DEVICES}/${address}/driver_override`, driver)
  writeFileSync('/sys/bus/pci/drivers_probe', address)
  if (driverOf(address) !== driver) throw new Error(`${address} was not bound to ${driver}`)
}

/** Binds a function to vfio-pci. @returns what gives it back to whoever had it */
export function bindToVfio(address: string): () => void {
  const before = driverOf(address)
  bind(address, 'vfio-pci')
  return () => {
    writeFileSync(`${DEVICES}/${address}/driver/unbind`, address)
    writeFileSync(`${DEVICES}/${address}/driver_override`, '\n')
    if (before !== undefined) writeFileSync('/sys/bus/pci/drivers_probe', address)
  }
}

/** Makes virtual functions, which vfio-pci takes at once when it has the physical one. 0 removes them. */
export function setVirtualFunctions(address: string, count: number): string[] {
  writeFileSync(`${DEVICES}/${address}/sriov_numvfs`, `${count}`)
  return Array.from({ length: count }, (_, n) => basename(realpathSync(`${DEVICES}/${address}/virtfn${n}`)))
}

/** vfio-pci's parameter that lets virtual functions be made of a function it has. @returns what puts it back */
export function allowVirtualFunctions(): () => void {
  const parameter = '/sys/module/vfio_pci/parameters/enable_sriov'
  const before = readFileSync(parameter, 'utf8').trim()
  writeFileSync(parameter, 'Y')
  return () => writeFileSync(parameter, before)
}

/** Unbinds its driver in a process of its own, since that waits in the kernel until nobody has the function open. */
export function unbind(address: string): { readonly done: Promise<number | null>; isDone(): boolean } {
  const child = spawn('sh', ['-c', `echo ${address} >${DEVICES}/${address}/driver/unbind`], {
    stdio: 'ignore',
  })
  let over = false
  const done = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('exit', (code) => {
      over = true
      resolve(code)
    })
  })
  return { done, isDone: () => over }
}
