// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import type { Connection } from '../transport/index.js'
import { decodeMessage, type EngineMessage, encodeMessage, engineVersion } from './messages.js'

export interface GreetOptions {
  /** Milliseconds for the answer. */
  readonly timeout: number
  readonly signal: AbortSignal
}

/**
 * Says the first word on a control connection and waits for the welcome. The connection is closed when there is none.
 * @throws {VfioError} with the code that the other engine gave; `ERR_VFIO_PEER_LOST`, `ERR_VFIO_PEER_TIMEOUT`, `ERR_VFIO_PROTOCOL`
 */
export async function greet(
  connection: Connection,
  hello: EngineMessage,
  { timeout, signal }: GreetOptions,
): Promise<Connection> {
  try {
    await connection.send(encodeMessage(hello))
    const bytes = await connection.receive({ timeout, signal })
    if (bytes === undefined) {
      throw new VfioError(
        'ERR_VFIO_PEER_LOST',
        'the engine at the other end closed the connection instead of answering',
      )
    }
    const answer = decodeMessage(bytes)
    if (answer.type === 'refused') {
      throw new VfioError(answer.code, `the destination refuses: ${answer.message}`, {
        device: answer.device,
      })
    }
    if (answer.type !== 'welcome') {
      throw new VfioError('ERR_VFIO_PROTOCOL', `the destination answered "${answer.type}" to the greeting`)
    }
    if (answer.version !== engineVersion) {
      throw new VfioError(
        'ERR_VFIO_PROTOCOL',
        `the destination speaks version ${answer.version} of the conversation, this engine version ${engineVersion}`,
      )
    }
    return connection
  } catch (error) {
    connection.destroy()
    throw error
  }
}
