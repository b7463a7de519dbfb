// SPDX-License-Identifier: MIT
import { type MigratableDevice, openDevice } from '../index.js'
import { regionDigest, regionIndex } from './region-digest.js'
import { vfTokenOption } from './vf-token.js'

/** Several devices, opened and closed together. */
export interface DeviceSet extends AsyncDisposable {
  readonly list: readonly MigratableDevice[]
  /** SHA-256 of a region of each; empty where none is asked for. */
  digests(region: string | undefined, signal: AbortSignal): Promise<readonly string[]>
}

/**
 * Opens all of them, or none.
 * @param options.keepState leave them in whichever state they are found
 */
export async function openDevices(
  specs: readonly string[],
  signal: AbortSignal,
  options: { readonly keepState?: boolean } = {},
): Promise<DeviceSet> {
  const list: MigratableDevice[] = []
  const close = async (): Promise<void> => {
    await Promise.all(list.map((device) => device.close()))
  }
  try {
    // One after the other: two of one group must not race for it.
    for (const spec of specs)
      list.push(await openDevice(spec, { signal, ...options, ...(await vfTokenOption(undefined, spec)) }))
  } catch (error) {
    await close()
    throw error
  }
  return {
    list,
    digests: async (region, stop) => {
      if (region === undefined) return []
      const index = regionIndex(region)
      return Promise.all(list.map((device) => regionDigest(device, index, stop)))
    },
    [Symbol.asyncDispose]: close,
  }
}
