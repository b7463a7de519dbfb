// SPDX-License-Identifier: MIT
// An initramfs made in memory: the "newc" cpio format (Documentation/driver-api/early-userspace/buffer-format.rst), not compressed.

const kinds = { directory: 0o040000, file: 0o100000, device: 0o020000 }

/**
 * The archive of `entries`: { path, directory: true } | { path, data, mode } | { path, device: [major, minor], mode }, paths without a
 * leading slash, parents before their children.
 */
export function cpio(entries) {
  const parts = []
  let inode = 1
  const add = (path, mode, data, [major, minor] = [0, 0]) => {
    const name = Buffer.from(`${path}\0`)
    const fields = [inode++, mode, 0, 0, 1, 0, data.length, 0, 0, major, minor, name.length, 0]
    const header = `070701${fields.map((field) => field.toString(16).padStart(8, '0')).join('')}`
    parts.push(pad(Buffer.concat([Buffer.from(header), name])), pad(data))
  }
  const none = Buffer.alloc(0)
  for (const entry of entries) {
    if (entry.directory) add(entry.path, kinds.directory | 0o755, none)
    else if (entry.device) add(entry.path, kinds.device | (entry.mode ?? 0o600), none, entry.device)
    else add(entry.path, kinds.file | (entry.mode ?? 0o644), Buffer.from(entry.data))
  }
  add('TRAILER!!!', 0, none)
  return Buffer.concat(parts)
}

const pad = (bytes) => Buffer.concat([bytes, Buffer.alloc(-bytes.length & 3)])
