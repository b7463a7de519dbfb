// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'

/** Parses a control frame's JSON. `what` names it in errors. @throws {VfioError} `ERR_VFIO_MALFORMED` */
export function decodeJson(payload: Uint8Array, what: string): unknown {
  let text: string
  try {
    text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(payload)
  } catch {
    throw new VfioError('ERR_VFIO_MALFORMED', `${what}: not UTF-8`)
  }
  try {
    return JSON.parse(text)
  } catch {
    // The parser's own message quotes the input, which may hold anything.
    throw new VfioError('ERR_VFIO_MALFORMED', `${what}: not JSON`)
  }
}
