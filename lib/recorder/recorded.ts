// SPDX-License-Identifier: MIT
import type { FlightRecorder, WatchedDevice } from './flight-recorder.js'

export interface RecorderOptions {
  /** Records the operation; its `report()` tells of it afterwards, however it ended. */
  readonly recorder?: FlightRecorder | undefined
}

/** Runs an operation under a recorder, if there is one: it watches the devices meanwhile, and is told of a failure. */
export async function recorded<T>(
  { recorder }: RecorderOptions,
  operation: string,
  devices: { readonly source?: WatchedDevice; readonly destination?: WatchedDevice },
  run: () => Promise<T>,
): Promise<T> {
  if (recorder === undefined) return run()
  recorder.operation ??= operation
  using _source = devices.source && recorder.watch(devices.source, 'source')
  using _destination = devices.destination && recorder.watch(devices.destination, 'destination')
  try {
    return await run()
  } catch (error) {
    recorder.fail(error)
    throw error
  }
}
