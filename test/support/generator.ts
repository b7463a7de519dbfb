// SPDX-License-Identifier: MIT
// The contents of the test device, computed independently of it (docs/test-device.md).

function fmix32(value: number): number {
  let h = value
  h ^= h >>> 16
  h = Math.imul(h, 0x85ebca6b)
  h ^= h >>> 13
  h = Math.imul(h, 0xc2b2ae35)
  return (h ^ (h >>> 16)) >>> 0
}

const PAGE = 4096

/** Device memory of `size` bytes after FILL with `seed` and then `steps` steps of the workload. */
export function expectedMemory(seed: number, size: number, steps = 0n): Uint8Array {
  const memory = new Uint8Array(size)
  const view = new DataView(memory.buffer)
  const salt = fmix32(seed)
  for (let word = 0; word < size / 4; word++) {
    view.setUint32(4 * word, fmix32((Math.imul(word, 0x9e3779b9) + salt) | 0), true)
  }
  const pages = BigInt(size / PAGE)
  // Of the steps that wrote a page only the last one shows.
  const first = steps > pages ? steps - pages : 0n
  for (let step = first; step < steps; step++) {
    view.setBigUint64(Number(step % pages) * PAGE, step + 1n, true)
  }
  return memory
}
