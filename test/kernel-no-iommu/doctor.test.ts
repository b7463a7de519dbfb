// SPDX-License-Identifier: MIT
// The same machine, booted with intel_iommu=off.
import { readFileSync } from 'node:fs'
import { expect, it } from 'vitest'
import { bindDevice, diagnose, findDevice, listDevices } from '../../lib/host/index.js'
import { openDevice } from '../../lib/index.js'
import { functionsLike } from '../kernel/support/pci-function.js'
import { jsonOf, run } from '../support/command.js'

const [edu = ''] = functionsLike('0x1234', '0x11e8')
const [mtty = ''] = (process.env.VFIO_TEST_MTTY ?? '').split(',')

it('is booted without an IOMMU', () => {
  expect(readFileSync('/proc/cmdline', 'utf8')).toContain('intel_iommu=off')
})

it('the doctor says who switched the IOMMU off, and which boot parameter switches it on', async () => {
  const finished = await run(['doctor', edu, '--json'])
  expect(finished.code).toBe(1)
  const { ok, findings } = jsonOf(finished) as { ok: boolean; findings: { id: string }[] }
  expect(ok).toBe(false)
  expect(findings.find(({ id }) => id === 'iommu')).toMatchObject({
    severity: 'problem',
    what: expect.stringMatching(/^the IOMMU is off: .*intel_iommu=off/),
    bootParameter: 'intel_iommu=on',
  })
})

it('the doctor prints no command that could not work', async () => {
  const { findings } = await diagnose({ device: edu })
  expect(findings.find(({ id }) => id === 'driver')).toMatchObject({
    severity: 'problem',
    command: undefined,
  })
  await expect(bindDevice(edu)).rejects.toMatchObject({ code: 'ERR_VFIO_HOST_CHANGE', restored: true })
  expect(await findDevice(edu)).toBeUndefined()
})

it('mdevs, which need no IOMMU, are found and opened all the same', async () => {
  expect((await listDevices()).map(({ kind }) => kind)).toEqual(['mdev', 'mdev'])
  await (await openDevice(mtty)).close()
})
