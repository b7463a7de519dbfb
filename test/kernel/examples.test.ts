// SPDX-License-Identifier: MIT
// The examples that need a device of a real kernel.
import { execFile } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect } from 'vitest'
import { requires } from '../support/requirement.js'
import { bindToVfio, functionsLike } from './support/pci-function.js'

const [edu = ''] = functionsLike('0x1234', '0x11e8')
requires(
  'a QEMU edu device',
  edu !== '',
  'no PCI function 1234:11e8; npm run test:kernel brings a machine that has two',
).it('the example of DMA and MSI works', async () => {
  const giveBack = bindToVfio(edu)
  try {
    const example = fileURLToPath(new URL('../../examples/edu-dma-msi.mjs', import.meta.url))
    const { stdout } = await promisify(execFile)(process.execPath, [example, edu])
    expect(stdout).toBe('1024 bytes into the device and back by DMA, two interrupts: equal\n')
  } finally {
    giveBack()
  }
})
