// SPDX-License-Identifier: MIT
// PCI functions of the machine, given to vfio-pci for a test and back to where they came from afterwards.
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { basename } from 'node:path'

const BUS = '/sys/bus/pci'

/** The addresses of all functions of that kind, in order. */
export function functionsOf(vendor: number, device: number): string[] {
  if (!existsSync(`${BUS}/devices`)) return []
  const number = (address: string, file: string): number =>
    Number(readFileSync(`${BUS}/devices/${address}/${file}`, 'utf8'))
  return readdirSync(`${BUS}/devices`)
    .filter((address) => number(address, 'vendor') === vendor && number(address, 'device') === device)
    .sort()
}

export function driverOf(address: string): string | undefined {
  const link = `${BUS}/devices/${address}/driver`
  return existsSync(link) ? basename(readlinkSync(link)) : undefined
}

/** Binds the function to vfio-pci. @returns what puts it back */
export function giveToVfio(address: string): () => void {
  const before = driverOf(address)
  rebind(address, 'vfio-pci')
  return () => rebind(address, before)
}

function rebind(address: string, driver: string | undefined): void {
  if (driverOf(address) === driver) return
  if (driverOf(address) !== undefined) writeFileSync(`${BUS}/devices/${address}/driver/unbind`, address)
  writeFileSync(`${BUS}/devices/${address}/driver_override`, driver === 'vfio-pci' ? driver : '\n')
  if (driver !== undefined) writeFileSync(`${BUS}/drivers_probe`, address)
}

/** Unbinds its driver in a process of its own, since that waits in the kernel until nobody has the function open. */
export function unbind(address: string): { readonly done: Promise<number | null>; isDone(): boolean } {
  const child = spawn('sh', ['-c', `echo ${address} >${BUS}/devices/${address}/driver/unbind`], {
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
