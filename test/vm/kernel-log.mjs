// SPDX-License-Identifier: MIT
// Finds in a kernel log what must fail a run even if every test passed: oopses, warnings, lock reports, stalls, panics.

const complaints = [
  /\bBUG: /,
  /\bWARNING: /,
  /\bOops\b/,
  /\bKernel panic\b/,
  /\bgeneral protection fault\b/,
  /\bUBSAN: /,
  /\bINFO: task .* blocked for more than/,
  /\bINFO: .*\b(self-)?detected (expedited )?stalls?\b/,
  /\brefcount_t: /,
  /\bkernel stack overflow\b/i,
]

/** The part of `log` around its first complaint, or undefined if there is none. */
export function kernelComplaint(log, { before = 3, after = 60 } = {}) {
  const lines = log.replaceAll('\r', '').split('\n')
  const at = lines.findIndex((line) => complaints.some((complaint) => complaint.test(line)))
  if (at < 0) return undefined
  return lines.slice(Math.max(0, at - before), at + after).join('\n')
}
