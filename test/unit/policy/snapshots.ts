// SPDX-License-Identifier: MIT
import fc from 'fast-check'
import type { PreCopySnapshot } from '../../../lib/index.js'

export const MIB = 2 ** 20

/** A drained device in its third round that has nothing left, at 100 MiB/s; `size` is what stop-copy would yield. */
export function snapshotOf(
  differences: Partial<PreCopySnapshot> & { readonly size?: bigint | undefined } = {},
): PreCopySnapshot {
  const { size = 0n, ...others } = differences
  return {
    device: 'a device',
    round: 3,
    drained: true,
    bytes: 256 * MIB,
    roundBytes: MIB,
    initialBytes: 0n,
    dirtyBytes: 0n,
    pendingBytes: undefined,
    reinitialised: false,
    stopCopySize: async () => size,
    bandwidth: 100 * MIB,
    transferMs: 2560,
    stalledRounds: 0,
    stalledMs: 0,
    initialLoaded: undefined,
    elapsedMs: 3000,
    ...others,
  }
}

/** Sizes as devices say them, the impossible ones included. */
export const saidSize = fc.oneof(
  fc.constant(undefined),
  fc.bigInt({ min: 0n, max: 2n ** 32n }),
  fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }),
)

export const anySnapshot: fc.Arbitrary<PreCopySnapshot> = fc
  .record({
    round: fc.nat(1000),
    drained: fc.boolean(),
    bytes: fc.nat(2 ** 31 - 1),
    roundBytes: fc.nat(2 ** 31 - 1),
    initialBytes: saidSize,
    dirtyBytes: saidSize,
    size: saidSize,
    reinitialised: fc.boolean(),
    bandwidth: fc.option(fc.double({ min: 0, max: 1e12, noNaN: true }), { nil: undefined }),
    transferMs: fc.nat(1_000_000),
    stalledRounds: fc.nat(1000),
    stalledMs: fc.nat(1_000_000),
    initialLoaded: fc.option(fc.boolean(), { nil: undefined }),
    elapsedMs: fc.nat(1_000_000),
  })
  .map(({ size, ...others }) => ({ ...snapshotOf(others), stopCopySize: async () => size }))

export const anySet = fc.record({ devices: fc.array(anySnapshot, { minLength: 1, maxLength: 4 }) })
