// SPDX-License-Identifier: MIT
export { type DmaMemory, dmaMemory, type MemoryPart } from './dma-memory.js'
export type {
  DirtyRound,
  MemoryOutput,
  MemoryOwner,
  MemoryReceiver,
  MemorySent,
} from './memory-owner.js'
export type { MemoryLimits, MemoryProgress, MemorySnapshot } from './memory-pace.js'
export type { DeviceTracking } from './memory-trackers.js'
