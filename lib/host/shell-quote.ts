// SPDX-License-Identifier: MIT
// Commands that are printed to be pasted. Names in sysfs are input: whatever they hold, a command must do what it says and no more.

/**
 * One word of a POSIX shell that stands for exactly `text`. Plain words stay as they are; others are put in single quotes; characters that a
 * terminal would act on (escape sequences) or that look like others (anything beyond ASCII) are written as octal digits, for `printf` to turn
 * back.
 * @throws {RangeError} `text` holds a NUL, which no argument can
 */
export function shellQuote(text: string): string {
  if (text.includes('\0')) throw new RangeError('a word of a command cannot hold a NUL')
  if (/^[A-Za-z0-9_/:.,+@%-]+$/.test(text)) return text
  // What is plain, and what is not: a newline is harmless within quotes, and command substitution would drop one at the end.
  const pieces = text.match(/[\n -~]+|[^\n -~]+/g) ?? []
  if (pieces.length === 0) return "''"
  return pieces.map((piece) => (/^[\n -~]/.test(piece) ? quoted(piece) : printed(piece))).join('')
}

/** A whole command: its words, each quoted. */
export function shellCommand(...words: readonly string[]): string {
  return words.map(shellQuote).join(' ')
}

/** The command that writes `value` to a file that exists. */
export function shellWrite(path: string, value: string): string {
  // echo is what people expect to read, where its own options and escapes cannot get in the way.
  if (value === '\n') return `echo > ${shellQuote(path)}`
  const print = /^[A-Za-z0-9_][A-Za-z0-9_:.,-]*$/.test(value) ? 'echo' : 'printf %s'
  return `${print} ${shellQuote(value)} > ${shellQuote(path)}`
}

/** A command as somebody runs it who is not root: all of it, its redirections included, as root. */
export function asRoot(command: string, uid: number | undefined = process.getuid?.()): string {
  return uid === 0 ? command : `sudo sh -c ${shellQuote(command)}`
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}

function printed(text: string): string {
  const octal = [...Buffer.from(text)].map((byte) => `\\${byte.toString(8).padStart(3, '0')}`).join('')
  return `"$(printf '${octal}')"`
}
