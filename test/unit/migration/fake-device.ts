// SPDX-License-Identifier: MIT
// A device of a few lines below the seam, for tests of decisions: it does what it is told, and can be told to fail.
import { MigratableDevice } from '../../../lib/migration/migratable-device.js'
import { stateNames } from '../../../lib/migration/state.js'
import type {
  NativeDevice,
  NativeFailure,
  NativeProgress,
  NativePumped,
  NativeRegionInfo,
  NativeSession,
  NativeSink,
  NativeSource,
  NativeTurn,
  Outcome,
} from '../../../lib/native-binding.js'

export interface FakeOptions {
  readonly protocol: 'v1' | 'v2' | 'none'
  /** v2 flags. Default: everything. */
  readonly flags?: bigint
  /** The state at the beginning: the v2 number, or all of v1's device_state. Default: running. */
  readonly state?: number
  readonly preCopy?: readonly string[]
  readonly stopCopy?: readonly string[]
  readonly spec?: string
}

type Reaction = 'keep' | 'requested' | number

export class FakeDevice {
  readonly log: string[] = []
  /** Raw: a v2 number or v1's whole register. */
  state: number
  readonly received: string[] = []
  /** By operation (`set 3`, `write 2`, `get`, `reset`, `precopy-info`): negative errno, and where the device then is. */
  readonly failures = new Map<string, { errno: number; ends: Reaction }>()
  /** By the same keys: the request succeeds, and the device is there instead. */
  readonly strays = new Map<string, number>()
  /** Called and awaited inside the operation of that name. */
  readonly gates = new Map<string, () => Promise<void> | void>()
  /** Called when a source or sink is asked to note what it does. */
  recording: (capacity: number) => void = noop
  /** What `VFIO_MIG_GET_PRECOPY_INFO` says besides the number of chunks that are left. */
  precopyFlags = 0
  initialBytes = 0n
  /** Whether the driver takes SET of `VFIO_DEVICE_FEATURE_MIG_PRECOPY_INFOv2`. */
  knowsReinit = false
  /** What each chunk of an iteration was asked for with: whether those after it might be read ahead. */
  readonly aheads: boolean[] = []
  sessions = 0
  openSessions = 0
  bars: readonly bigint[] = [4096n]
  migrationRegionSize = 65_536n
  readonly #preCopy: string[]
  readonly #stopCopy: string[]
  readonly #options: FakeOptions
  readonly device: MigratableDevice

  constructor(options: FakeOptions) {
    this.#options = options
    this.#preCopy = [...(options.preCopy ?? [])]
    this.#stopCopy = [...(options.stopCopy ?? ['stop'])]
    this.state = options.state ?? (options.protocol === 'v1' ? 0b001 : 2)
    this.device = new MigratableDevice(this.#native(), {
      spec: options.spec ?? `fake-${options.protocol}`,
      driver: 'fake',
      holds: [],
    })
  }

  feed(...chunks: string[]): void {
    this.#preCopy.push(...chunks)
  }

  get stateName(): string {
    return this.#options.protocol === 'v1'
      ? (['stop', 'running', 'stop-copy', 'pre-copy', 'resuming', 'reserved-101', 'error', 'reserved-111'][
          this.state & 7
        ] as string)
      : (stateNames[this.state] ?? `unknown-${this.state}`)
  }

  async #do<T>(operation: string, enter: () => void, value: () => T): Promise<Outcome<T>> {
    this.log.push(operation)
    await this.gates.get(operation)?.()
    const failure = this.failures.get(operation)
    if (failure === undefined) {
      enter()
      const stray = this.strays.get(operation)
      if (stray !== undefined) this.state = stray
      return value()
    }
    if (failure.ends === 'requested') enter()
    else if (typeof failure.ends === 'number') this.state = failure.ends
    return failed(failure.errno, operation)
  }

  #native(): NativeDevice {
    const { protocol, flags = 0b111n } = this.#options
    const unused = (): never => {
      throw new Error('not part of the fake')
    }
    return {
      descriptor: -1,
      companions: [],
      adoptSession: unused,
      info: async () => ({ flags: 1, regions: 10, irqs: 0 }),
      regionInfo: async (index) => this.#region(index),
      irqInfo: unused,
      setIrqs: unused,
      setIoeventfd: unused,
      reset: () =>
        this.#do(
          'reset',
          () => {
            this.state = protocol === 'v1' ? 0b001 : 2
          },
          () => null,
        ),
      hotResetInfo: unused,
      hotReset: unused,
      readRegister: (index, offset, width) => {
        if (index === 7) return Promise.resolve(offset === 0n ? 0x1b36n : 0x7666n)
        if (offset === 0n && width === 4) return this.#do('get', noop, () => BigInt(this.state))
        if (offset === 8n && width === 8) return this.#do('pending', noop, () => BigInt(this.#preCopy.length))
        return Promise.resolve(failed(-22, 'register'))
      },
      writeRegister: (_index, offset, width, value) => {
        if (offset !== 0n || width !== 4) return Promise.resolve(failed(-22, 'register'))
        return this.#do(
          `write ${value}`,
          () => {
            this.state = Number(value)
          },
          () => null,
        )
      },
      readRegion: unused,
      writeRegion: unused,
      map: unused,
      migrationFlags: async () => (protocol === 'v2' ? flags : failed(-25, 'flags')),
      migrationState: () => this.#do('get', noop, () => this.state),
      setMigrationState: (state) => this.#set(state),
      migrationDataSize: () => this.#do('data-size', noop, () => 4n),
      startDmaLog: unused,
      reportDmaLog: unused,
      stopDmaLog: unused,
      addressSpace: unused,
      attach: unused,
      detach: unused,
      feature: async (flags) => {
        const probe = (flags & (1 << 18)) !== 0
        if ((flags & 0xffff) !== 12 || !this.knowsReinit) return failed(-25, 'feature')
        if (probe && (flags & (1 << 16)) !== 0) return failed(-22, 'feature')
        return await this.#do(probe ? 'probe feature 12' : 'set feature 12', noop, () => new ArrayBuffer(0))
      },
      v1Source: () => this.#source(),
      v1Sink: () => this.#sink(),
      serve: unused,
      close: async () => null,
    }
  }

  #region(index: number): NativeRegionInfo {
    const migration = index === 9 && this.#options.protocol === 'v1'
    const size = migration ? this.migrationRegionSize : index === 7 ? 256n : (this.bars[index] ?? 0n)
    return {
      index,
      flags: 3,
      size,
      offset: 0n,
      mappable: [],
      type: migration ? { type: 3, subtype: 1 } : null,
      capabilities: [],
    }
  }

  #set(state: number): Promise<Outcome<NativeSession | null>> {
    const before = this.state
    const shares = (number: number): boolean => number === 3 || number === 6 || number === 7
    return this.#do<NativeSession | null>(
      `set ${state}`,
      () => {
        this.state = state
      },
      () => (state === 4 || (shares(state) && !shares(before)) ? this.#session() : null),
    )
  }

  #session(): NativeSession {
    this.sessions++
    this.openSessions++
    let open = true
    return {
      descriptor: -1,
      precopyInfo: () =>
        this.#do('precopy-info', noop, () => ({
          flags: this.precopyFlags,
          initialBytes: this.initialBytes,
          dirtyBytes: BigInt(this.#preCopy.length),
        })),
      source: () => this.#source(),
      sink: () => this.#sink(),
      close: async () => {
        if (open) this.openSessions--
        open = false
        return null
      },
    }
  }

  #source(): NativeSource {
    const counted = { bytes: 0, chunks: 0 }
    let lent: ArrayBuffer | undefined
    let cancelled = false
    let paused = false
    let wake: () => void = () => {}
    const detach = (): void => {
      if (lent) structuredClone(lent, { transfer: [lent] })
      lent = undefined
    }
    const take = async (): Promise<Outcome<NativeTurn>> => {
      const gate = this.gates.get('read')?.()
      const woken = new Promise<void>((resolve) => {
        wake = resolve
      })
      if (gate) await Promise.race([gate, woken])
      if (cancelled) return { ...failed(0, 'read'), reason: 'cancelled' }
      const failure = this.failures.get('read')
      if (failure) return failed(failure.errno, 'read')
      // Sampled when the read begins, like the real ones.
      const preCopy = this.stateName === 'pre-copy'
      const text = preCopy ? this.#preCopy.shift() : (this.#preCopy.shift() ?? this.#stopCopy.shift())
      if (text === undefined) return { progress: preCopy ? 'drained' : 'end', data: null }
      const bytes = new TextEncoder().encode(text)
      counted.bytes += bytes.length
      counted.chunks++
      return { progress: 'bytes', data: bytes.buffer }
    }
    const pump = async (
      into: (turn: NativeTurn) => Promise<Outcome<null>>,
    ): Promise<Outcome<NativePumped>> => {
      let progress: NativeProgress = 'bytes'
      paused = false
      while (progress === 'bytes' && !paused) {
        const turn = await take()
        if ('failed' in turn) return turn
        progress = turn.progress
        if (turn.data) {
          const taken = await into(turn)
          if (taken) return taken
        }
      }
      return { progress, ...counted }
    }
    return {
      next: async (ahead) => {
        this.aheads.push(ahead)
        detach()
        const turn = await take()
        if (!('failed' in turn)) lent = turn.data ?? undefined
        return turn
      },
      nextOwned: take,
      release: detach,
      // The bytes go nowhere.
      pumpToFd: () => pump(async () => null),
      pumpToFrames: unusedPump,
      pumpToSink: (sink) => pump(({ data }) => sink.write(new Uint8Array(data as ArrayBuffer))),
      counters: () => ({ ...counted }),
      record: (capacity) => this.recording(capacity),
      takeRecords: () => null,
      pause: () => {
        paused = true
      },
      cancel: () => {
        cancelled = true
        wake()
      },
      quiet: async () => null,
      close: async () => {
        detach()
        return null
      },
    }
  }

  #sink(): NativeSink {
    const counted = { bytes: 0, chunks: 0 }
    return {
      write: (data) =>
        this.#do(
          'sink',
          () => {
            this.received.push(new TextDecoder().decode(data))
            counted.bytes += data.length
            counted.chunks++
          },
          () => null,
        ),
      pumpFromFd: unusedPump,
      pumpFromFrames: unusedPump,
      counters: () => ({ ...counted }),
      record: (capacity) => this.recording(capacity),
      takeRecords: () => null,
      cancel: noop,
      close: async () => null,
    }
  }
}

function noop(): void {}

async function unusedPump(): Promise<NativeFailure> {
  return failed(-95, 'pump')
}

export function failed(errno: number, operation: string): NativeFailure {
  return { failed: true, reason: 'system', errno, syscall: 'fake', operation, detail: '' }
}
