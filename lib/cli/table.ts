// SPDX-License-Identifier: MIT
import CliTable from 'cli-table3'
import { styled } from './style.js'

const borderless = {
  top: '',
  'top-mid': '',
  'top-left': '',
  'top-right': '',
  bottom: '',
  'bottom-mid': '',
  'bottom-left': '',
  'bottom-right': '',
  left: '',
  'left-mid': '',
  mid: '',
  'mid-mid': '',
  right: '',
  'right-mid': '',
  middle: '  ',
}

/** Columns under headings, without rules: easy on the eye, and on awk. */
export function columns(heads: readonly string[], rows: readonly (readonly string[])[]): string {
  const table = new CliTable({
    head: heads.map((head) => styled('bold', head)),
    chars: borderless,
    style: { head: [], border: [], 'padding-left': 0, 'padding-right': 0 },
  })
  for (const row of rows) table.push([...row])
  return trimmed(table.toString())
}

/** Names and values, one pair a line; pairs without a value are left out. */
export function facts(rows: readonly (readonly [name: string, value: string | undefined])[]): string {
  const table = new CliTable({
    chars: borderless,
    style: { head: [], border: [], 'padding-left': 2, 'padding-right': 0 },
  })
  for (const [name, value] of rows) if (value !== undefined) table.push([name, value])
  return trimmed(table.toString())
}

function trimmed(text: string): string {
  return text.replace(/ +$/gm, '')
}
