// SPDX-License-Identifier: MIT
import { binding } from '../binding.js'
import type { NativeRateLimit } from '../native-binding.js'

export interface RateLimitOptions {
  /**
   * What may go through at once after a pause, in bytes, 1 and up. Default: what the rate lets through in 50 ms, at least 64 KiB; it then
   * follows the rate.
   */
  readonly burst?: number
}

const LEAST_BURST = 64 * 1024
const BURST_SECONDS = 0.05

/**
 * A limit to how fast the data of saves is moved: a token bucket, which several saves may share, and which may be changed while they run.
 * Whole chunks go through: over any time t, `burst + bytesPerSecond * t` bytes and the chunk that each save had begun.
 */
export class RateLimit {
  /** @internal For the native pumps. */
  readonly native: NativeRateLimit
  readonly #burst: number | undefined
  #bytesPerSecond: number

  /**
   * @param bytesPerSecond 1 and up; `Infinity` for no limit, which costs nothing
   * @throws {RangeError} `ERR_OUT_OF_RANGE`
   */
  constructor(bytesPerSecond: number, options: RateLimitOptions = {}) {
    this.#burst = options.burst
    if (options.burst !== undefined) check(options.burst, 'a burst')
    check(bytesPerSecond, 'a rate', true)
    this.#bytesPerSecond = bytesPerSecond
    this.native = binding().createRateLimit(...this.#figures())
  }

  get bytesPerSecond(): number {
    return this.#bytesPerSecond
  }

  /** Holds at once, also for a save that waits. @throws {RangeError} `ERR_OUT_OF_RANGE` */
  set bytesPerSecond(bytesPerSecond: number) {
    check(bytesPerSecond, 'a rate', true)
    this.#bytesPerSecond = bytesPerSecond
    this.native.set(...this.#figures())
  }

  #figures(): [bytesPerSecond: bigint, burst: bigint] {
    if (this.#bytesPerSecond === Number.POSITIVE_INFINITY)
      return [0n, BigInt(Math.ceil(this.#burst ?? LEAST_BURST))]
    const burst = this.#burst ?? Math.max(LEAST_BURST, this.#bytesPerSecond * BURST_SECONDS)
    return [BigInt(Math.ceil(this.#bytesPerSecond)), BigInt(Math.ceil(burst))]
  }
}

function check(bytes: number, what: string, endless = false): void {
  if ((endless && bytes === Number.POSITIVE_INFINITY) || (bytes >= 1 && bytes <= Number.MAX_SAFE_INTEGER))
    return
  throw Object.assign(new RangeError(`${what} has 1 byte or more, not ${bytes}`), {
    code: 'ERR_OUT_OF_RANGE',
  })
}
