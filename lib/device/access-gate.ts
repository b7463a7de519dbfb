// SPDX-License-Identifier: MIT
// A device that does not run must be left alone: what an access to its BARs does then is undefined, from an abort to damaged state. This is
// what the library knows of that, without asking the device at each access.
import { VfioError } from '../errors/index.js'

const quietStates = ['stop', 'stop-copy', 'resuming', 'error'] as const

/** The migration states in which nobody may touch a BAR. In the P2P states a device answers. */
export type QuietState = (typeof quietStates)[number]

// linux/vfio.h, enum vfio_device_mig_state.
const quietByNumber: Readonly<Record<number, QuietState>> = {
  0: 'error',
  1: 'stop',
  3: 'stop-copy',
  4: 'resuming',
}

function quiet(state: string | number): QuietState | undefined {
  return typeof state === 'number' ? quietByNumber[state] : quietStates.find((one) => one === state)
}

// linux/vfio.h: BAR 0 to 5 and the ROM, then config space, then VGA. What comes behind is the driver's, not the device's memory.
const LAST_BAR_OR_ROM = 6
const VGA = 8

/** How to get at a BAR all the same. */
export interface AccessOptions {
  /** Although the device is in a migration state that forbids it. Default false. */
  readonly force?: boolean
}

/** Whether the regions of one device may be touched. One for each device handle. */
export class AccessGate {
  readonly #device: string
  #state: QuietState | undefined
  #lowPower = false
  #epoch = 0

  constructor(device: string) {
    this.#device = device
  }

  /** Changes with every reset: what was asked before one says nothing about the time after it. */
  get epoch(): number {
    return this.#epoch
  }

  /** The state that the device was found in, or is about to be put into. Ignored when a reset came in between. */
  note(state: string | number, epoch = this.#epoch): void {
    if (epoch === this.#epoch) this.#state = quiet(state)
  }

  /** As {@link note}, before a change that may fail: only closes. */
  approach(state: string | number): void {
    this.#state = quiet(state) ?? this.#state
  }

  wasReset(): void {
    this.#epoch++
    this.#state = undefined
  }

  /** Between the entry and the exit the device's memory may not be mapped: touching it would end the process (SIGBUS). */
  set lowPower(engaged: boolean) {
    this.#lowPower = engaged
  }

  get lowPower(): boolean {
    return this.#lowPower
  }

  /** @throws {VfioError} `ERR_VFIO_REGION_FORBIDDEN` */
  check(region: number, options: AccessOptions | undefined): void {
    if (this.#state === undefined || options?.force === true) return
    if (region > LAST_BAR_OR_ROM && region !== VGA) return
    throw new VfioError(
      'ERR_VFIO_REGION_FORBIDDEN',
      `region ${region} of ${this.#device} must not be touched while the device is in ${this.#state}: ` +
        'take it back to running or reset it, or say { force: true }',
      { device: this.#device },
    )
  }

  /** As {@link check}, of a mapping to come. No force makes one while the device may be in low power. */
  checkMap(region: number, options: AccessOptions | undefined): void {
    this.check(region, options)
    if (!this.#lowPower) return
    throw new VfioError(
      'ERR_VFIO_REGION_FORBIDDEN',
      `${this.#device} may be in low power, where touching a mapping would end this process: lowPowerExit() first`,
      { device: this.#device },
    )
  }
}
