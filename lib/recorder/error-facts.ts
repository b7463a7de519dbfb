// SPDX-License-Identifier: MIT

/** A failure as plain data, without its stack: what a `VfioError` says of itself, or code, name and message. */
export function errorFacts(error: unknown): Record<string, unknown> {
  const { toJSON, code, name, message } = (error ?? {}) as {
    toJSON?: unknown
    code?: unknown
    name?: unknown
    message?: unknown
  }
  const facts: unknown = typeof toJSON === 'function' ? toJSON.call(error) : undefined
  return {
    ...(typeof name === 'string' ? { name } : {}),
    ...(typeof code === 'string' ? { code } : {}),
    message: typeof message === 'string' ? message : String(error),
    ...(typeof facts === 'object' && facts !== null ? facts : {}),
  }
}
