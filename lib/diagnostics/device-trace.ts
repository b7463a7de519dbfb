// SPDX-License-Identifier: MIT
import { errnoName, isFailure } from '../errors/index.js'
import type { MigrationState } from '../migration/state.js'
import { channels, monotonicNs, nsOf } from './channels.js'
import type {
  CallEvent,
  ChunkEvent,
  FeatureEvent,
  InterruptEvent,
  LostChunksEvent,
  PhaseEvent,
  RegisterEvent,
  ResetEvent,
  StateChangeEvent,
} from './events.js'

/** What is told of a call besides what all of them have. */
type Told<E extends CallEvent> = Omit<E, keyof CallEvent | 'kind'>

let handles = 0

/**
 * Tells what is done to one open device. Whoever makes a call asks `beginning(channel)` first, and tells of it only if that gave a time: so
 * nothing is measured or made while nobody listens.
 */
export class DeviceTrace {
  /** How the device was specified. */
  readonly device: string
  /** Unique in this process. */
  readonly handle = ++handles

  constructor(device: string) {
    this.device = device
  }

  register(began: bigint, outcome: unknown, told: Told<RegisterEvent>): void {
    channels.register.publish({ kind: 'register', ...this.#call(began, outcome), ...told })
  }

  feature(
    began: bigint,
    outcome: unknown,
    feature: FeatureEvent['feature'],
    access: FeatureEvent['access'],
  ): void {
    const event: FeatureEvent = { kind: 'feature', ...this.#call(began, outcome), feature, access }
    channels.feature.publish(event)
  }

  reset(began: bigint, outcome: unknown, scope: ResetEvent['scope']): void {
    const event: ResetEvent = { kind: 'reset', ...this.#call(began, outcome), scope }
    channels.reset.publish(event)
  }

  interrupt(began: bigint, outcome: unknown, told: Told<InterruptEvent>): void {
    channels.interrupt.publish({ kind: 'interrupt', ...this.#call(began, outcome), ...told })
  }

  /** @param cause what the change was refused with, as an error of this library, or `undefined` */
  state(
    began: bigint,
    arc: { readonly from: MigrationState; readonly to: MigrationState },
    durationNs: bigint,
    actual: MigrationState | 'unknown',
    cause: unknown,
  ): void {
    const code = (cause as { code?: unknown } | undefined)?.code
    const event: StateChangeEvent = {
      kind: 'state',
      ns: began,
      device: this.device,
      handle: this.handle,
      durationNs,
      ...(cause === undefined ? {} : { error: typeof code === 'string' ? code : 'unknown' }),
      ...arc,
      actual,
    }
    channels.state.publish(event)
  }

  /** What a pump has noted natively. */
  chunk(event: ChunkEvent): void {
    channels.chunk.publish(event)
  }

  /** What came too fast. */
  lostChunks(told: Omit<LostChunksEvent, 'kind' | 'device' | 'handle'>): void {
    channels.chunk.publish({ kind: 'lost-chunks', device: this.device, handle: this.handle, ...told })
  }

  /** An access that a pump made and noted natively. */
  pumpedRegister(event: RegisterEvent): void {
    channels.register.publish(event)
  }

  /** @param at when it began, if not now: on the clock of the events, or, a number, on that of `performance.now()` */
  phase(phase: string | null, at?: bigint | number): void {
    if (!channels.phase.hasSubscribers) return
    const ns = typeof at === 'number' ? nsOf(at) : (at ?? monotonicNs())
    const event: PhaseEvent = { kind: 'phase', ns, device: this.device, handle: this.handle, phase }
    channels.phase.publish(event)
  }

  #call(began: bigint, outcome: unknown): CallEvent {
    return {
      ns: began,
      device: this.device,
      handle: this.handle,
      durationNs: monotonicNs() - began,
      ...failureOf(outcome),
    }
  }
}

/** What a native outcome says of a failure, in a word. */
function failureOf(outcome: unknown): { readonly error?: string } {
  if (!isFailure(outcome)) return {}
  return { error: outcome.errno === 0 ? outcome.reason : errnoName(outcome.errno) }
}
