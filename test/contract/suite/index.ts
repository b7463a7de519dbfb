// SPDX-License-Identifier: MIT
import { describe } from 'vitest'
import type { Backend } from './backend.js'
import { contentsContract } from './contents.js'
import { dmaContract } from './dma.js'
import { interruptsContract } from './interrupts.js'
import { pciContract } from './pci.js'
import { refusalsContract, sessionsContract } from './sessions.js'
import { statesContract } from './states.js'

export type { Backend } from './backend.js'

/** What any device must do, wherever it lives. */
export function deviceContract(backend: Backend): void {
  describe(backend.name, () => {
    describe('states', () => statesContract(backend))
    describe('sessions', () => sessionsContract(backend))
    describe('interrupts', () => interruptsContract(backend))
    describe('PCI', () => pciContract(backend))
    if (backend.isTestDevice) {
      describe('DMA', () => dmaContract(backend))
      describe('contents', () => contentsContract(backend))
      describe('refusals', () => refusalsContract(backend))
    }
  })
}
