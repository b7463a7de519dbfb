// SPDX-License-Identifier: MIT

/** The `type` field of a frame header, as docs/stream-format.md assigns it. */
export const frameTypes = {
  manifest: 1,
  sectionBegin: 2,
  data: 3,
  sectionEnd: 4,
  end: 5,
} as const
