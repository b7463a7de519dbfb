// SPDX-License-Identifier: MIT
import { styleText } from 'node:util'

type Style = Parameters<typeof styleText>[0]

/** Colours on a terminal, plain text elsewhere and where NO_COLOR is set (no-color.org). */
export function styled(style: Style, text: string, stream: { isTTY?: boolean } = process.stdout): string {
  return stream.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text
}

/** The style of a device's state. */
export function styledState(state: string): string {
  if (state === 'error') return styled('red', state)
  return state === 'running' ? styled('green', state) : styled('yellow', state)
}
