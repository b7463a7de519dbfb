// SPDX-License-Identifier: MIT
// The doctor on a real host: what it finds is so, and the command it prints mends it.
import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterEach, expect, it } from 'vitest'
import { bindDevice, diagnose, type Finding, findDevice, unbindDevice } from '../../lib/host/index.js'
import { openDevice } from '../../lib/index.js'
import { run } from '../support/command.js'
import { requires } from '../support/requirement.js'
import { functionsLike } from './support/pci-function.js'

const [edu = ''] = functionsLike('0x1234', '0x11e8')
const [nvme = ''] = functionsLike('0x1b36', '0x0010')
const [ahci = ''] = functionsLike('0x8086', '0x2922')
const [mtty = ''] = (process.env.VFIO_TEST_MTTY ?? '').split(',')

/** What the doctor finds about a device, problems only. */
async function problems(device: string): Promise<Finding[]> {
  const { ok, findings } = await diagnose({ device })
  const found = findings.filter(({ severity }) => severity === 'problem')
  expect(ok).toBe(found.length === 0)
  return found
}

/** Pastes it. */
const paste = (command: string | undefined): void => {
  if (command === undefined) throw new Error('no command to paste')
  execFileSync('/bin/sh', ['-c', command], { stdio: 'inherit' })
}

requires(
  'PCI functions under an IOMMU',
  edu !== '' && ahci !== '',
  'run it in the test machine: npm run test:kernel',
).describe('the doctor', () => {
  const changed = new Set<string>()
  afterEach(async () => {
    for (const address of changed) await unbindDevice(address, { giveBack: true })
    changed.clear()
  })

  it('finds the IOMMU on where the kernel was booted with what it asks for', async () => {
    const { findings } = await diagnose()
    expect(findings.find(({ id }) => id === 'iommu')).toMatchObject({ severity: 'ok' })
    expect(readFileSync('/proc/cmdline', 'utf8')).not.toContain('intel_iommu=off')
  })

  it('names the sibling that spoils a group, and its command makes the group usable', async () => {
    const device = ahci.replace(/2$/, '3')
    changed.add(device)
    await bindDevice(device)
    await expect(openDevice(device)).rejects.toMatchObject({
      code: 'ERR_VFIO_GROUP_NOT_VIABLE',
      message: expect.stringContaining(`${ahci} (ahci)`),
    })
    const [problem, ...others] = await problems(device)
    expect(others).toEqual([])
    expect(problem).toMatchObject({
      id: 'group-viable',
      device,
      what: expect.stringContaining(`while ahci has ${ahci}`),
      command: `echo ${ahci} > /sys/bus/pci/drivers/ahci/unbind`,
    })
    changed.add(ahci)
    paste(problem?.command)
    expect(await problems(device)).toEqual([])
    await (await openDevice(device)).close()
  })

  it('finds a device without a driver, and its command binds it', async () => {
    changed.add(edu)
    await expect(openDevice(edu)).rejects.toMatchObject({ code: 'ERR_VFIO_NOT_BOUND' })
    const [problem, ...others] = await problems(edu)
    expect(others).toEqual([])
    expect(problem).toMatchObject({ id: 'driver', what: expect.stringContaining('no driver has it') })
    paste(problem?.command)
    expect(await problems(edu)).toEqual([])
    await (await openDevice(edu)).close()
  })

  it('finds the host’s own driver on a device, and its command changes it', async () => {
    changed.add(nvme)
    const [problem, ...others] = await problems(nvme)
    expect(others).toEqual([])
    expect(problem).toMatchObject({ id: 'driver', what: expect.stringContaining('nvme has it') })
    paste(problem?.command)
    expect((await findDevice(nvme))?.driver).toBe('vfio-pci')
    expect(await problems(nvme)).toEqual([])
    await (await openDevice(nvme)).close()
  })

  it('prints its command on a line of its own, to be pasted', async () => {
    changed.add(edu)
    const { code, out } = await run(['doctor', edu])
    expect(code).toBe(1)
    const command = /^problem .*\n +.*\n +\$ (.*)$/m.exec(out)?.[1]
    paste(command)
    expect((await findDevice(edu))?.driver).toBe('vfio-pci')
  })

  it('opens a device only when told, and then says what the device says', async () => {
    const finished = await run(['doctor', mtty, '--probe'])
    expect(finished.code).toBe(0)
    expect(finished.out).toContain('says that it can migrate, by protocol v2')
  })
})
