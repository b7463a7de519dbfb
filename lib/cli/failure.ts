// SPDX-License-Identifier: MIT
import { VfioError } from '../errors/index.js'
import { abortReason } from './exit-codes.js'
import { styled } from './style.js'

interface Side {
  readonly device?: unknown
  readonly state?: unknown
}

const toolName = 'vfio-migrate'

/** One object, one line; 64-bit numbers as numbers where they fit and as hexadecimal strings where they do not. */
export function toJsonLine(value: unknown): string {
  const text = JSON.stringify(value, (_, item: unknown) => {
    if (typeof item !== 'bigint') return item
    return item <= BigInt(Number.MAX_SAFE_INTEGER) && item >= 0n ? Number(item) : `0x${item.toString(16)}`
  })
  return `${text}\n`
}

/** What `--json` prints for a failure: `{"ok":false,"error":{"code","message",…}}`, and where the devices are if anyone knows. */
export function failureJson(error: unknown): Record<string, unknown> {
  const { code, message } = error as NodeJS.ErrnoException
  const described =
    error instanceof VfioError
      ? error.toJSON()
      : {
          code: code ?? (abortReason(error) === undefined ? 'ERR_INTERNAL' : 'ABORT_ERR'),
          message: message ?? String(error),
        }
  const why = abortReason(error)
  return {
    ok: false,
    error: why instanceof Error && why !== error ? { ...described, reason: why.message } : described,
    ...sides(error),
  }
}

/** The same for people. Lines, the first beginning with the tool's name. */
export function failureText(error: unknown, prefix: string | undefined): string {
  const why = abortReason(error)
  const { code, message } = error as NodeJS.ErrnoException
  const reason = prefix ?? (why instanceof Error && why !== error ? why.message : undefined)
  const lines = [
    `${styled('red', toolName, process.stderr)}: ${reason === undefined ? '' : `${reason}: `}${message ?? String(error)}`,
  ]
  const { source, destination } = sides(error)
  if (source) lines.push(`  source ${String(source.device)} is in ${String(source.state)}`)
  if (destination)
    lines.push(`  destination ${String(destination.device)} is in ${String(destination.state)}`)
  // A bug of this tool, not a failure it knows: the stack is what a report needs.
  if (code === undefined && why === undefined && error instanceof Error && error.stack)
    lines.push(error.stack)
  return lines.join('\n')
}

function sides(error: unknown): { source?: Side; destination?: Side } {
  const { source, destination } = error as { source?: unknown; destination?: unknown }
  return {
    ...(isSide(source) ? { source: { device: source.device, state: source.state } } : {}),
    ...(isSide(destination) ? { destination: { device: destination.device, state: destination.state } } : {}),
  }
}

function isSide(value: unknown): value is Side {
  return typeof value === 'object' && value !== null && 'device' in value && 'state' in value
}
