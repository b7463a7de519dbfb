// SPDX-License-Identifier: MIT
// What can be heard on the `diagnostics_channel`s of this library, and what a flight recorder keeps. Sizes and times, never data: of all
// the values that pass a register, only those of `device_state` are told, and those are the states' own numbers.
import type { MigrationState } from '../migration/state.js'

/** What every event has. */
export interface TracedEvent {
  /** CLOCK_MONOTONIC in nanoseconds, as `process.hrtime.bigint()`: when it began. */
  readonly ns: bigint
}

/** Something that happened to a device. */
export interface DeviceEvent extends TracedEvent {
  /** How the device was specified. Not unique: two devices can be made from one specification. */
  readonly device: string
  /** Unique to an open device in this process. */
  readonly handle: number
}

/** A call to a device: it took time, and may have failed. */
export interface CallEvent extends DeviceEvent {
  /** How long it took, in nanoseconds, until its answer was back on the JavaScript thread. */
  readonly durationNs: bigint
  /** The errno's name, or what else went wrong (`cancelled`, `disconnected`, …); absent when it went well. */
  readonly error?: string
}

/** One arc that was asked for: a write of `device_state` (v1), a SET of the state (v2), which may pass states on its way. */
export interface StateChangeEvent extends CallEvent {
  readonly kind: 'state'
  readonly from: MigrationState
  readonly to: MigrationState
  /** What the device said afterwards. */
  readonly actual: MigrationState | 'unknown'
}

/** One access to a region: of a register, or in bulk. Not loads and stores through a mapping, which no call makes. */
export interface RegisterEvent extends CallEvent {
  readonly kind: 'register'
  /** Index of the region. */
  readonly region: number
  /** Of a v1 migration region: `device_state`, `pending_bytes`, `data_offset`, `data_size`. */
  readonly name?: string
  /** In bytes, from the start of the region. */
  readonly offset: bigint
  /** In bytes: 1, 2, 4 or 8 for a register, any number for a bulk access. */
  readonly width: number
  readonly access: 'read' | 'write'
  /** Of `device_state` only. */
  readonly value?: number
  /** Made by a pump, in a round of data. */
  readonly pumped?: true
}

/** `VFIO_DEVICE_FEATURE`, or `VFIO_MIG_GET_PRECOPY_INFO` on a session (as `precopy-info`). */
export interface FeatureEvent extends CallEvent {
  readonly kind: 'feature'
  /** Its name, or `feature-N`. */
  readonly feature: string
  readonly access: 'get' | 'set' | 'probe'
}

/** Device data that moved: a round (v1), the contents of a buffer (v2), or an attempt that failed. Told when the pump comes round. */
export interface ChunkEvent extends CallEvent {
  readonly kind: 'chunk'
  /** `out`: read from the device, for a save. `in`: written to it, for a load. */
  readonly direction: 'out' | 'in'
  readonly bytes: number
  /** How much of the duration the device itself took; the rest went into handing the chunk on, or waiting for it. */
  readonly deviceNs: bigint
}

/** Chunks that came faster than they were fetched, and are known only together. */
export interface LostChunksEvent extends DeviceEvent {
  readonly kind: 'lost-chunks'
  readonly direction: 'out' | 'in'
  readonly chunks: number
  readonly bytes: number
  /** Accesses to registers of a v1 migration region that were lost with them. */
  readonly registers: number
  readonly deviceNs: bigint
}

export interface ResetEvent extends CallEvent {
  readonly kind: 'reset'
  /** `hot`: of the slot or bus, with everything there. */
  readonly scope: 'function' | 'hot'
}

/** `VFIO_DEVICE_SET_IRQS`. */
export interface InterruptEvent extends CallEvent {
  readonly kind: 'interrupt'
  /** `intx`, `msi-x`, … */
  readonly interrupt: string
  readonly action: 'mask' | 'unmask' | 'trigger'
  /** How many vectors it was about; 0 with `trigger` disables all. */
  readonly vectors: number
}

/** A phase begins, and the one before it ends. */
export interface PhaseEvent extends DeviceEvent {
  readonly kind: 'phase'
  /** `null`: the last phase ends, and none begins. */
  readonly phase: string | null
}

/** Something worth a line, from whoever runs the migration. */
export interface MarkEvent extends TracedEvent {
  readonly kind: 'mark'
  readonly name: string
  readonly detail?: MarkDetail | undefined
}

/** Plain facts of a mark. Never device data: whoever makes a mark answers for that. */
export type MarkDetail = Readonly<Record<string, string | number | boolean | null>>

/** A control message between two engines; its kind and size, never what it says. */
export interface ControlMessageEvent extends TracedEvent {
  readonly kind: 'message'
  readonly direction: 'out' | 'in'
  readonly message: string
  /** In bytes. */
  readonly bytes?: number | undefined
  /** Of its kind and direction, counted from 1 by the recorder that was told: whatever was dropped, it finds the same message on the other side. */
  readonly nth?: number
}

/** A record that was made durable. */
export interface JournalEvent extends TracedEvent {
  readonly kind: 'journal'
  readonly record: string
  readonly fsyncNs: bigint
}

export type FlightEvent =
  | StateChangeEvent
  | RegisterEvent
  | FeatureEvent
  | ChunkEvent
  | LostChunksEvent
  | ResetEvent
  | InterruptEvent
  | PhaseEvent
  | MarkEvent
  | ControlMessageEvent
  | JournalEvent
